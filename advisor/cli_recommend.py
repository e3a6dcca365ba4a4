"""`quantadvise recommend`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from advisor import cli_html as h
from advisor import cli_options as o
from advisor import cli_values as v
from advisor import cli_write as w
from advisor.errors import InputError, NothingFitsError

if TYPE_CHECKING:
    from advisor.advise.choose import Recommendation

_CHOICE = "What to choose from"


def recommend(
    model: o.ModelArgument = None,
    model_option: o.ModelOption = None,
    params: o.ParamsOption = None,
    gpu: Annotated[
        list[str] | None,
        typer.Option(
            "--gpu",
            "-g",
            metavar="NAME|FILE|any",
            help="GPUs to choose from: H100,L40S; one's own as YAML; any by default.",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--formats",
            metavar="A,B",
            help="Formats to choose from; all by default.",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    max_gpus: Annotated[
        int | None,
        typer.Option(metavar="N", help="At most so many GPUs, replicas included.", rich_help_panel=_CHOICE),
    ] = None,
    num_gpus: Annotated[
        int | None, typer.Option(metavar="N", help="Exactly so many GPUs.", rich_help_panel=_CHOICE)
    ] = None,
    tensor_parallel: Annotated[
        str | None,
        typer.Option(
            "--tensor-parallel-size",
            "--tp",
            metavar="N,M",
            help="GPUs that one replica is split over: 1,2,4,8 and 16 by default.",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    kv_cache_dtype: o.KvCacheDtypeOption = None,
    workload: o.WorkloadOption = None,
    scenario: o.ScenarioOption = None,
    input_tokens: o.InputTokensOption = None,
    output_tokens: o.OutputTokensOption = None,
    single: o.SingleOption = False,
    concurrency: o.ConcurrencyOption = None,
    rate: o.RateOption = None,
    burstiness: o.BurstinessOption = None,
    prefix_hit_rate: o.PrefixHitRateOption = None,
    objective: Annotated[
        str | None,
        typer.Option(
            "--objective",
            "--sort-by",
            metavar="cost|latency|throughput|accuracy",
            help="What ranks those that keep the limits; cost by default.",
            rich_help_panel="Limits and aim",
        ),
    ] = None,
    slo: o.SloOption = None,
    goodput: o.GoodputOption = None,
    min_share: o.MinShareOption = None,
    min_recovery: o.MinRecoveryOption = None,
    tasks: o.TasksOption = None,
    max_cost_per_hour: Annotated[
        float | None,
        typer.Option(metavar="USD", help="At most so much for all GPUs.", rich_help_panel="Limits and aim"),
    ] = None,
    gpu_count: Annotated[
        str | None,
        typer.Option(
            metavar="smallest|same|free",
            help="The seed paper's two conventions, or searched (free).",
            rich_help_panel=_CHOICE,
        ),
    ] = None,
    price: o.PriceOption = None,
    pricing: o.PricingOption = None,
    price_list: o.PriceListOption = None,
    engine: o.EngineOption = None,
    max_num_seqs: o.MaxNumSeqsOption = None,
    max_num_batched_tokens: o.MaxNumBatchedTokensOption = None,
    gpu_memory_utilization: o.GpuMemoryUtilizationOption = None,
    ignore_engine_version: o.IgnoreEngineVersionOption = False,
    records: o.RecordsOption = None,
    output: o.OutputOption = o.Output.table,
    top: Annotated[
        int | None,
        typer.Option(metavar="N", help="At most so many deployments; the table's own limit is 10."),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Every figure of the first, too.")] = False,
    write: w.WriteOption = None,
    row: w.RowOption = None,
    plot: Annotated[
        bool,
        typer.Option("--plot", help="The Pareto set as a plot, too.", rich_help_panel="Output"),
    ] = False,
    html: h.HtmlOption = None,
    overwrite: w.OverwriteOption = False,
) -> None:
    """Which format to deploy, on which GPU and how many: ranked, with the reasons and the commands.

    quantadvise recommend Llama-3.1-8B-Instruct --workload chat --gpu A6000
    """
    from advisor.advise.choose import choose
    from advisor.advise.recommend import choice_of
    from advisor.cli_progress import working

    chosen = v.the_model(model, model_option, params)
    asked = v.the_workload(
        workload,
        scenario=scenario,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        single=single,
        concurrency=concurrency,
        rate=rate,
        burstiness=burstiness,
        prefix_hit_rate=prefix_hit_rate,
        slo=slo,
        goodput=goodput,
        min_share=min_share,
        min_recovery=min_recovery,
        tasks=tasks,
        objective=objective,
        gpu_count=gpu_count,
        price_list=price_list,
    )
    w.check_options(write, row, overwrite, html=html)
    h.check_html(html, overwrite=overwrite)
    if plot and output is not o.Output.table:
        raise InputError(f"--plot: it is for people; --output {output.value} is for programs, leave one out")
    if top is not None and top < 1:
        raise InputError(f"--top: {top} is not a number of rows; give 1 or more")
    predictor = v.the_predictor(records, models=[chosen], gpus=_gpus(gpu) or ())
    quality = v.the_quality(records)
    choice = choice_of(
        chosen,
        asked,
        gpus=_gpus(gpu),
        formats=_formats(formats),
        kv_formats=v.kv_formats(kv_cache_dtype),
        tensor_parallel=_degrees(tensor_parallel),
        num_gpus=num_gpus,
        max_gpus=max_gpus,
        engine=v.the_engine(
            engine,
            max_num_seqs=max_num_seqs,
            max_num_batched_tokens=max_num_batched_tokens,
            gpu_memory_utilization=gpu_memory_utilization,
            any_format=ignore_engine_version,
        ),
        prices=v.own_prices(price),
        pricing=pricing,
        max_usd_per_hour=max_cost_per_hour,
        border=v.the_border(records),
    )
    with working(f"Judging every deployment of {chosen.name}"):
        recommendation = choose(choice, predictor, quality)
    _print(recommendation, output, top=top, explain=explain)
    if plot:
        from advisor.report.out import print_pareto

        print_pareto(recommendation)
    h.write_html(recommendation, choice, html, predictor, quality)
    w.write_row(recommendation, write, row=row, overwrite=overwrite)
    if not recommendation.ranked:
        from advisor.report.refused import nothing_kept_line

        raise NothingFitsError(nothing_kept_line(recommendation))


def _gpus(texts: list[str] | None) -> list[str] | None:
    names = v.split_all(texts)
    return None if not names or [name.lower() for name in names] == ["any"] else names


def _formats(texts: list[str] | None) -> list[str] | None:
    names = v.split_all(texts)
    if len(names) == 1 and names[0].lower() in o.Output.__members__:
        raise InputError(f"--formats: '{names[0]}' is how an answer is printed; say --output {names[0]}")
    return names or None


def _degrees(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in v.split(text)]
    except ValueError as error:
        raise InputError(
            f"--tensor-parallel-size: '{text}' is no list of whole numbers; write 1,2,4"
        ) from error


def _print(recommendation: Recommendation, output: o.Output, *, top: int | None, explain: bool) -> None:
    from advisor.report import out

    if output is o.Output.table:
        out.print_recommendation(recommendation, top=top or out.TABLE_ROWS, explain=explain)
    elif output is o.Output.csv:
        out.print_recommendation_csv(recommendation, top=top)
    else:
        from advisor.report.document import recommendation_document

        out.print_document(recommendation_document(recommendation, top=top), output.value)
