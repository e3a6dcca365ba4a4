"""`quantadvise predict`: one deployment in full, or a table of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from advisor.cli import engine_options as e
from advisor.cli import options as o
from advisor.cli import options_to_model_and_workload as v
from advisor.cli.option_groups import Asked, Limits, Named, Prices, Served, grouped
from advisor.errors import InputError, NothingFitsError
from advisor.spec.reading.gpu_and_count import gpu_and_degree

if TYPE_CHECKING:
    from advisor.advise.choose.assessment import Assessment
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.predict.replayed_log import Replay
    from advisor.report.terminal.text_table import Column
    from advisor.spec.workloads.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class One:
    """The one deployment that is predicted."""

    gpu: Annotated[
        str | None,
        typer.Option(
            "--gpu", "-g", metavar="NAME|FILE", help="GPU: a name, or a YAML file that describes your own."
        ),
    ] = None
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            "--quantization",
            metavar="NAME",
            help="The quantization format; the one the model ships in (mostly bf16) unless named.",
        ),
    ] = None
    tensor_parallel: Annotated[
        int,
        typer.Option(
            "--tensor-parallel-size",
            "--tp",
            "--num-gpus",
            metavar="N",
            help="GPUs that one replica is split over.",
        ),
    ] = 1
    replicas: Annotated[int, typer.Option(metavar="N", help="Equal servers that share the load.")] = 1
    kv_cache_dtype: e.KvCacheDtypeOption = None
    expert_parallel: Annotated[
        bool, typer.Option("--enable-expert-parallel", help="Each GPU holds whole experts.")
    ] = False
    checkpoint: Annotated[
        str | None,
        typer.Option(
            metavar="REPO", help="The published checkpoint to serve; the first that starts unless named."
        ),
    ] = None


@grouped
def predict(
    *,
    named: Named,
    one: One,
    asked: Asked,
    limits: Limits,
    prices: Prices,
    served: Served,
    records: o.RecordsOption = None,
    cells: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Many at once: columns model,gpu,num_gpus,format,input_tokens,output_tokens,concurrency; "
            "optional ones (engine settings, request_rate, num_prompts, checkpoint, task, recipe …) are "
            "listed in docs/reference.md. Rows without an answer are counted on stderr.",
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="A decode step and a prompt as sums of kernels, in ms, with their basis."
        ),
    ] = False,
    output: o.OutputOption = o.Output.table,
) -> None:
    """What one deployment will do: latency, throughput, cost, accuracy, memory, and what binds it.

    quantadvise predict Llama-3.1-8B-Instruct --gpu A6000 --format int4 --workload chat
    """
    if cells is not None:
        if any((named.model, named.model_option, named.params, one.gpu, asked.workload)):
            raise InputError(
                "--cells: its file names the models, GPUs and loads; leave out the other options"
            )
        _answer_cells(cells, records, output, any_format=served.ignore_engine_version)
        return
    from advisor.advise.notes_on_question import engine_notes, split_notes

    assessment, workload, predictor = _assessed(named, one, asked, limits, prices, served, records)
    for note in (*engine_notes(assessment.deployment.engine), *split_notes(assessment.deployment)):
        typer.echo(f"quantadvise: {note}", err=True)
    replayed = _replayed(asked, assessment, workload, predictor)
    _print(assessment, workload, replayed, output, explain=explain)
    _require_fit(assessment)


def _assessed(
    named: Named,
    one: One,
    asked: Asked,
    limits: Limits,
    prices: Prices,
    served: Served,
    records: list[str] | None,
) -> tuple[Assessment, Workload, Predictor]:
    """What the options' one deployment will do, under which workload, and the predictor that says so."""
    from advisor.advise.api import predict as answer
    from advisor.spec.deployment import kv_formats

    chosen = v.the_model(named)
    if one.gpu is None:
        raise InputError("gpu: none named; give --gpu (quantadvise gpus lists them)")
    gpu, tensor_parallel = gpu_and_degree(one.gpu, one.tensor_parallel)
    workload = v.the_workload(asked, limits, prices)
    allowed = kv_formats(one.kv_cache_dtype) or (None,)
    if len(allowed) > 1:
        raise InputError("--kv-cache-dtype: any is not one deployment; give auto or fp8")
    predictor = v.the_predictor(records, models=[chosen], gpus=[gpu])
    own_prices = v.own_prices(prices.price, of=[gpu])
    assessment = answer(
        chosen,
        workload,
        gpu=gpu,
        format=one.format,
        tensor_parallel=tensor_parallel,
        replicas=one.replicas,
        kv_format=allowed[0],
        expert_parallel=one.expert_parallel,
        checkpoint=_checkpoint(one.checkpoint),
        engine=v.the_engine(served, workload),
        prices=own_prices,
        pricing=prices.pricing,
        live=v.the_live_prices(prices),
        predictor=predictor,
        quality=v.the_quality(records),
        border=v.the_border(records),
    )
    return assessment, workload, predictor


def _print(
    assessment: Assessment,
    workload: Workload,
    replayed: Replay | None,
    output: o.Output,
    *,
    explain: bool,
) -> None:
    from advisor.report.terminal import print_answer

    if output is o.Output.table:
        print_answer.print_assessment(assessment, workload, explain=explain)
        if replayed is not None:
            print_answer.print_replay(replayed, workload)
    elif output is o.Output.csv:
        from advisor.report.documents.csv_rows import assessment_row

        print_answer.print_rows([assessment_row(assessment)])
    else:
        from advisor.report.documents.prediction_document import prediction_document, replay_document

        document = prediction_document(assessment, workload)
        if replayed is not None:
            document["replay"] = replay_document(replayed)
        print_answer.print_document(document, output.value)


def _replayed(
    asked: Asked,
    assessment: Assessment,
    workload: Workload,
    predictor: Predictor,
) -> Replay | None:
    """The log that `--workload` names, request by request on the deployment; None for a profile."""
    if asked.workload is None or not v.is_log(asked.workload) or assessment.prediction is None:
        return None
    log = v.the_log(asked.workload).log
    if not log:
        return None
    statistics = tuple(limit.statistic for limit in workload.limits)
    return predictor.replay(assessment.deployment, workload.load, log, statistics)


def _require_fit(assessment: Assessment) -> None:
    """A deployment that cannot hold the load is no answer to act on."""
    from advisor.display_text import deployment_text

    for refusal in assessment.refusals:
        if refusal.kind in ("memory", "context") and not refusal.likely_kept:
            raise NothingFitsError(
                f"{deployment_text(assessment.deployment)}: has too little memory for this load; give "
                "a replica more GPUs (--tp), a narrower --format, or a GPU with more memory"
            )


def _answer_cells(path: Path, records: list[str] | None, output: o.Output, *, any_format: bool) -> None:
    from advisor.advise.csv_file import numbered_cells, other_columns
    from advisor.advise.predict_csv import answer_cells, is_answered, named_in
    from advisor.cli.progress import working
    from advisor.report.terminal import print_answer

    numbered = numbered_cells(path)
    rows = [row for _, row in numbered]
    if copied := other_columns(rows):
        typer.echo(f"quantadvise: {path}: copied through, not read: {', '.join(copied)}", err=True)
    quality = v.the_quality(records) if "task" in rows[0] else None
    models, gpus = named_in(rows) if records else ((), ())
    predictor = v.the_predictor(records, models=models, gpus=gpus)
    with working(f"Answering {len(rows):,} cells"):
        columns, answers = answer_cells(rows, predictor, quality, any_format=any_format)
    if output is o.Output.csv:
        print_answer.print_cells(columns, answers)
    elif output is o.Output.table:
        print_answer.print_columns(
            _main_columns(columns, answers), more="--output csv has every column and the 90 % intervals"
        )
    else:
        cells = [dict(zip(columns, (value or None for value in row), strict=True)) for row in answers]
        print_answer.print_document({"cells": cells}, output.value)
    unanswered = [
        (line, row[-1])
        for (line, _), row in zip(numbered, answers, strict=True)
        if not is_answered(columns, row)
    ]
    if len(unanswered) == len(rows):
        raise InputError(f"{path}: no row of it has an answer; the first: {answers[0][-1]}")
    if unanswered:
        line, why = unanswered[0]
        said = f"{len(unanswered):,} of {len(rows):,} rows have no answer; the first is line {line:,}: {why}"
        typer.echo(f"quantadvise: {path}: {said}", err=True)


_ENDS = ("_low", "_high")
_LAST = ("engine", "basis", "fits", "max_concurrency")


def _main_columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Column]:
    """The answer's columns for a terminal, what matters least last; intervals are left to the CSV."""
    from advisor.report.terminal.text_table import Column

    main = [head for head in heads if not head.endswith(_ENDS)]
    ordered = sorted(main, key=lambda head: head in _LAST)
    places = [heads.index(head) for head in ordered]
    return [
        Column(head=heads[at], cells=[row[at] for row in rows], right=_is_number(rows, at), keep=at < 4)
        for at in places
    ]


def _is_number(rows: Sequence[Sequence[str]], at: int) -> bool:
    return all(row[at].replace(".", "", 1).isdecimal() for row in rows if row[at])


def _checkpoint(text: str | None) -> str | None:
    """The checkpoint as named. Raises InputError for an empty name, as an unset shell variable gives."""
    if text is not None and not text.strip():
        raise InputError("--checkpoint: is empty; name a repository, or leave it out")
    return text
