"""`quantadvise compare`: two deployments, or two result files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from advisor.cli import options as o
from advisor.cli import options_to_model_and_workload as v
from advisor.cli.option_groups import Asked, Limits, Named, Prices, Served, grouped
from advisor.errors import InputError

if TYPE_CHECKING:
    from advisor.spec.deployment import Deployment
    from advisor.spec.workloads.workload import Workload

_DEPLOYMENTS = "To compare deployments"


@grouped
def compare(
    *,
    first: Annotated[
        str, typer.Argument(metavar="A", help="A result file, a folder of repeats, or fp8@H100.")
    ],
    second: Annotated[
        str,
        typer.Argument(
            metavar="B",
            help="The other one; int4+fp8kv@2xA6000*3 is INT4, an FP8 KV cache, 2 GPUs a replica, 3 "
            "replicas; awq@H100 and gptq@H100 are INT4 made differently.",
        ),
    ],
    model_option: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="MODEL", help="Model of both deployments.", rich_help_panel=_DEPLOYMENTS
        ),
    ] = None,
    params: o.ParamsOption = None,
    asked: Asked,
    limits: Limits,
    prices: Prices,
    served: Served,
    records: o.RecordsOption = None,
    output: o.OutputOption = o.Output.table,
) -> None:
    """Two deployments or two result files: each figure's difference, its interval, whether it is significant.

    quantadvise compare fp8@H100 int4@H100 --model Llama-3.1-8B-Instruct --workload chat
    """
    from advisor.report.terminal import print_comparison as out

    if output is o.Output.csv:
        raise InputError("--output: a comparison has no CSV form; use table, json or yaml")
    files = [Path(text).exists() for text in (first, second)]
    if any(files):
        if not all(files):
            missing = second if files[0] else first
            raise InputError(
                f"{missing}: no such file; compare two files, or two deployments such as fp8@H100"
            )
        from advisor.advise.compare.benchmark_result_files import compare_results

        compared = compare_results(Path(first), Path(second))
        out.print_comparison(first, second, compared.differences, compared.notes, output.value)
        return
    named = Named(model_option=model_option, params=params)
    workload = v.the_workload(asked, limits, prices)
    names, differences, notes = _deployments((first, second), named, workload, prices, served, records)
    out.print_comparison(*names, differences, notes, output.value, workload=workload)


def _deployments(
    texts: tuple[str, str],
    named: Named,
    workload: Workload,
    prices: Prices,
    served: Served,
    records: list[str] | None,
) -> tuple[tuple[str, str], Any, tuple[str, ...]]:
    from advisor.advise.compare.deployments import accuracy_notes, overload_notes, parse_deployment
    from advisor.advise.compare.deployments import compare as side_by_side
    from advisor.advise.price_source import price_source
    from advisor.spec.workloads.workload_words import api_not_weighed

    if named.model_option is None and named.params is None:
        looks = [text for text in texts if "@" not in text]
        if looks:
            raise InputError(f"'{looks[0]}' is neither an existing file nor a deployment such as fp8@H100")
    model = v.the_model(named)
    engine = v.the_engine(served, workload)
    recipe = workload.quality.recipe
    first, second = (parse_deployment(text, model, engine, recipe) for text in texts)
    own_prices = v.own_prices(prices.price, of=[first.gpu, second.gpu])
    live = v.the_live_prices(prices)
    price_of = price_source(
        own_prices,
        pricing=prices.pricing,
        price_list=workload.price_list,
        live=live,
    )
    quality = v.the_quality(records)
    found = side_by_side(
        first,
        second,
        workload,
        price_of,
        v.the_predictor(records, models=[model], gpus=[first.gpu, second.gpu]),
        quality,
    )
    notes = (
        *overload_notes(found, workload),
        *accuracy_notes(first, second, workload, quality),
        *api_not_weighed(workload),
        *(() if live is None else live.notes()),
    )
    return (_named_text(first), _named_text(second)), found, notes


def _named_text(deployment: Deployment) -> str:
    """`int4 on 1× H100`, with the checkpoint where one was named by how it is made."""
    from advisor.display_text import deployment_text

    chosen = deployment.checkpoint
    if chosen is None:
        return deployment_text(deployment)
    return f"{deployment_text(deployment)}, {chosen.repo or 'a checkpoint to be made'}"
