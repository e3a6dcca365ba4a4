"""What is recommended now that a run has measured: the answer from its own records, and its command."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from advisor.errors import QuantAdviseError

if TYPE_CHECKING:
    from advisor.advise.choose.recommendation import Recommendation
    from advisor.cli.measure.expected import Expectation
    from advisor.measure.prepared import Prepared
    from advisor.measure.records import Records


def print_advice(prepared: Prepared, found: Records, expected: Expectation) -> None:
    """The first lines of the recommendation, and the command for the rest.

    The measurements stand whatever becomes of it: what hinders an answer is one line on stderr.
    """
    if not expected.why_not and (found.speed or found.quality or found.failures):
        try:
            answer = _recommendation(prepared, found, expected)
        except QuantAdviseError as error:
            typer.echo(f"no recommendation from these records: {' '.join(str(error).split())}", err=True)
        else:
            from advisor.report.terminal import out

            typer.echo("\nWhat is recommended now, with these records:")
            out.print_brief(answer)
    typer.echo(f"\n{command(prepared, found, expected)}")


def scored_tasks(prepared: Prepared, found: Records) -> tuple[str, ...]:
    """The run's tasks whose scores say what is kept; a perplexity, or a task that failed, does not."""
    from advisor.cost.quality.own_scores import answers_for_itself
    from advisor.cost.quality.tasks import find_task

    scored = {row.task for row in found.quality if not row.suspect}
    return tuple(
        task for task in prepared.plan.tasks if task in scored or not answers_for_itself(find_task(task))
    )


def _recommendation(prepared: Prepared, found: Records, expected: Expectation) -> Recommendation:
    """As `command` would answer. Raises QuantAdviseError."""
    from advisor.advise.api import recommend
    from advisor.advise.own_records import border_with, predictor_with, quality_with
    from advisor.measure.served_engine import served_engine
    from advisor.spec.workloads.profile_flags import override

    folders = [prepared.folder / "records"]
    tasks = scored_tasks(prepared, found)
    workload = override(prepared.workload, tasks=tasks) if tasks else prepared.workload
    return recommend(
        expected.model,
        workload,
        gpus=[expected.gpu],
        kv_formats=["fp8" if prepared.plan.kv_fp8 else "16bit"],
        engine=served_engine(prepared),
        predictor=predictor_with(
            folders,
            models=[expected.model],
            gpus=[expected.gpu],
            progress=lambda line: typer.echo(line, err=True),
        ),
        quality=quality_with(folders),
        border=border_with(folders),
    )


def command(prepared: Prepared, found: Records, expected: Expectation) -> str:
    """The command that answers with these records."""
    words = recommend_words(
        prepared,
        expected,
        tasks=scored_tasks(prepared, found),
        records=str(prepared.folder / "records"),
    )
    return f"recommend from them: {shlex.join(words)}"


def recommend_words(
    prepared: Prepared, expected: Expectation, *, tasks: Sequence[str], records: str
) -> list[str]:
    """`quantadvise recommend …` for the engine, the KV cache and the tasks that were measured."""
    from advisor.cli.engine_options import engine_words
    from advisor.measure.served_engine import served_engine

    plan = prepared.plan
    return [
        *("quantadvise", "recommend", "--model", plan.model, "--workload", plan.workload),
        *(() if expected.why_not else ("--gpu", expected.gpu_name)),
        *engine_words(served_engine(prepared)),
        *("--kv-cache-dtype", "fp8" if plan.kv_fp8 else "auto"),
        *(("--tasks", ",".join(tasks)) if tasks else ()),
        *("--records", records),
    ]
