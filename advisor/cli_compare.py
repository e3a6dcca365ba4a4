"""`quantadvise compare`: two deployments, or two result files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor import cli_options as o
from advisor import cli_values as v
from advisor.cli_choice import WORKLOAD
from advisor.errors import InputError

_DEPLOYMENTS = "To compare deployments"


def compare(
    first: Annotated[
        str, typer.Argument(metavar="A", help="A result file, a folder of repeats, or fp8@H100.")
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="Alike; int4+fp8kv@2xA6000*3 says it all.")],
    model_option: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="MODEL", help="Of both deployments.", rich_help_panel=_DEPLOYMENTS
        ),
    ] = None,
    params: o.ParamsOption = None,
    workload: o.WorkloadOption = None,
    scenario: o.ScenarioOption = None,
    input_tokens: o.InputTokensOption = None,
    output_tokens: o.OutputTokensOption = None,
    single: o.SingleOption = False,
    concurrency: o.ConcurrencyOption = None,
    rate: o.RateOption = None,
    burstiness: o.BurstinessOption = None,
    prefix_hit_rate: o.PrefixHitRateOption = None,
    slo: o.SloOption = None,
    goodput: o.GoodputOption = None,
    min_share: o.MinShareOption = None,
    min_recovery: o.MinRecoveryOption = None,
    tasks: o.TasksOption = None,
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
) -> None:
    """Two deployments or two result files: each figure's difference, its interval, whether it is significant.

    quantadvise compare fp8@H100 int4@H100 --model Llama-3.1-8B-Instruct --workload chat
    """
    given = dict(locals())
    from advisor.report import out_compare as out

    if output is o.Output.csv:
        raise InputError("--output: a comparison has no csv; say table, json or yaml")
    files = [Path(text).exists() for text in (first, second)]
    if any(files):
        if not all(files):
            missing = second if files[0] else first
            raise InputError(
                f"{missing}: no such file; compare two files, or two deployments such as fp8@H100"
            )
        from advisor.advise.compare_results import compare_results

        told = compare_results(Path(first), Path(second))
        out.print_comparison(first, second, told.differences, told.notes, output.value)
        return
    names, differences = _deployments(given)
    out.print_comparison(*names, differences, (), output.value)


def _deployments(given: Mapping[str, Any]) -> tuple[tuple[str, str], Any]:
    from advisor.advise.compare import compare as side_by_side
    from advisor.advise.compare import parse_deployment
    from advisor.advise.recommend import price_source
    from advisor.advise.text import deployment_text

    texts = (given["first"], given["second"])
    engine = v.the_engine(
        given["engine"],
        max_num_seqs=given["max_num_seqs"],
        max_num_batched_tokens=given["max_num_batched_tokens"],
        gpu_memory_utilization=given["gpu_memory_utilization"],
        any_format=given["ignore_engine_version"],
    )
    if given["model_option"] is None and given["params"] is None:
        looks = [text for text in texts if "@" not in text]
        if looks:
            raise InputError(f"'{looks[0]}' is no file that is there, and no deployment such as fp8@H100")
    model = v.the_model(None, given["model_option"], given["params"])
    first, second = (parse_deployment(text, model, engine) for text in texts)
    asked = {name: given.get(name) for name in WORKLOAD}
    workload = v.the_workload(given["workload"], **asked)
    prices = price_source(
        v.own_prices(given["price"]), pricing=given["pricing"], price_list=workload.price_list
    )
    found = side_by_side(
        first,
        second,
        workload,
        prices,
        v.the_predictor(given["records"], models=[model], gpus=[first.gpu, second.gpu]),
        v.the_quality(given["records"]),
    )
    return (deployment_text(first), deployment_text(second)), found


def register(app: typer.Typer) -> None:
    app.command()(compare)
