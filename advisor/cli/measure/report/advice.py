"""What is recommended now that a run has measured: the answer from its own records, and its command."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from advisor.cli.measure.expected_vs_measured import misses
from advisor.errors import QuantAdviseError, one_line

NEXT = (
    "next: the same command with --write DIR makes the files that serve it; with measure-next in place of "
    "recommend it names what to measure next"
)
NOW = "What is recommended now, with these records:"

if TYPE_CHECKING:
    from advisor.advise.choose.recommendation import Recommendation
    from advisor.cli.measure.expected_vs_measured import Expectation
    from advisor.measure.ledger_to_records import Records
    from advisor.measure.plan_to_jobs import Prepared


def with_these_records(prepared: Prepared, found: Records, expected: Expectation) -> Expectation:
    """What would be expected of the run now: by the fit that has its records, too.

    The same as `expected` where nothing was measured. Raises QuantAdviseError for records that hinder a fit.
    """
    from advisor.advise.fit_with_own_records import predictor_with
    from advisor.cli.measure.expected_vs_measured import Expectation

    if expected.why_not or not (found.speed or found.quality or found.failures):
        return expected
    fitted = predictor_with(
        [prepared.folder / "records"],
        models=[expected.model],
        gpus=[expected.gpu],
        progress=lambda line: typer.echo(line, err=True),
    )
    return Expectation(prepared, expected.gpu_name, fitted)


def advice_text(prepared: Prepared, found: Records, expected: Expectation, after: Expectation | None) -> str:
    """What predictions alone recommended, what is recommended with these records, and the command for more.

    after: None where no fit has these records. The measurements stand whatever becomes of it: what hinders an
    answer is one line on stderr.
    """
    lines: list[str] = []
    if after is not None and not expected.why_not and (found.speed or found.quality or found.failures):
        try:
            now = _recommendation(prepared, after, scored_tasks(prepared, found), with_records=True)
        except QuantAdviseError as error:
            cannot_advise(error)
        else:
            answer = [*_answer_lines(now), *doubt_lines(now, *misses(prepared, found, expected))]
            lines = [*_before_lines(prepared, expected, now), "", NOW, *answer, ""]
    return "\n".join([*lines, command(prepared, found, expected), NEXT])


def cannot_advise(error: QuantAdviseError) -> None:
    typer.echo(f"no recommendation from these records: {one_line(str(error))}", err=True)


def _before_lines(prepared: Prepared, expected: Expectation, now: Recommendation) -> list[str]:
    """The headline of the choice without the records, and whether they changed it.

    Nobody had scores of the user's own tasks then: the workload's accuracy stands in their place.
    """
    from advisor.cost.quality.tasks import find_task
    from advisor.report.terminal.answer import headline

    known = tuple(task for task in prepared.plan.tasks if find_task(task).known)
    try:
        before = _recommendation(prepared, expected, known, with_records=False)
    except QuantAdviseError as error:
        return [f"Before this run, by predictions alone: no recommendation ({one_line(str(error))})"]
    first, then = before.winner, now.winner
    if first is None:
        return ["Before this run, by predictions alone: nothing kept the limits"]
    same = then is not None and then.deployment.key == first.deployment.key
    changed = "the choice stays" if same else "the choice has changed"
    return [f"Before this run, by predictions alone: {headline(first, before.workload)}; {changed}"]


def doubt_lines(now: Recommendation, missed: int, compared: int) -> list[str]:
    """A warning where the first is a prediction and the run shows that predictions are off here."""
    from advisor.display_text import deployment_text
    from advisor.report.terminal.question_and_evidence import basis_words

    measured = [a for a in now.ranked if "speed measured" in basis_words(a)]
    if not measured or measured[0] is now.ranked[0] or 2 * missed <= compared:
        return []
    best = deployment_text(measured[0].deployment)
    return [
        f"The first was not measured, and predictions missed {missed} of {compared} figures of this run: "
        f"measure it before you rely on it; the best that was measured is {best}."
    ]


def _answer_lines(recommendation: Recommendation) -> list[str]:
    """The answer and its basis; where nothing keeps the limits, what comes nearest and what it misses."""
    from advisor.report.documents.missed_limit_words import refusal_text
    from advisor.report.terminal import print_answer
    from advisor.report.terminal.answer import answer_lines, headline
    from advisor.report.terminal.question_and_evidence import basis_line

    if recommendation.ranked:
        lines = answer_lines(recommendation, None, width=print_answer.answer_width())
        return [*(line.text for line in lines), basis_line(recommendation)]
    nearest = recommendation.closest
    lines_of_it = (
        []
        if nearest is None
        else [
            f"nearest: {headline(nearest, recommendation.workload)}",
            *(f"  {refusal_text(nearest, refusal)}" for refusal in nearest.refusals),
        ]
    )
    name = f"{recommendation.model.name} for {recommendation.workload.name}"
    return [f"{name}: nothing keeps the limits", *lines_of_it]


def scored_tasks(prepared: Prepared, found: Records) -> tuple[str, ...]:
    """The run's tasks whose scores say what is kept; a perplexity, or a task that failed, does not."""
    from advisor.cost.quality.own_scores import answers_for_itself
    from advisor.cost.quality.tasks import find_task

    scored = {row.task for row in found.quality if not row.suspect}
    return tuple(
        task for task in prepared.plan.tasks if task in scored or not answers_for_itself(find_task(task))
    )


def _recommendation(
    prepared: Prepared, expected: Expectation, tasks: tuple[str, ...], *, with_records: bool
) -> Recommendation:
    """The answer to `command`, with the run's records or without; `expected` has the fit of the one or the
    other. Raises QuantAdviseError."""
    from advisor.advise.api import recommend
    from advisor.advise.fit_with_own_records import border_with, quality_with
    from advisor.measure.engine_of_run import served_engine
    from advisor.spec.workloads.profile_flags import override

    folders = [prepared.folder / "records"] if with_records else []
    workload = override(prepared.workload, tasks=tasks) if tasks else prepared.workload
    return recommend(
        expected.model,
        workload,
        gpus=[expected.gpu],
        kv_formats=["fp8" if prepared.plan.kv_fp8 else "16bit"],
        engine=served_engine(prepared.plan, prepared.running, prepared.versions.vllm),
        predictor=expected.predictor,
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
    from advisor.measure.engine_of_run import served_engine

    plan = prepared.plan
    return [
        *("quantadvise", "recommend", "--model", plan.model, "--workload", plan.workload),
        *(() if expected.why_not else ("--gpu", expected.gpu_name)),
        *engine_words(served_engine(prepared.plan, prepared.running, prepared.versions.vllm)),
        *("--kv-cache-dtype", "fp8" if plan.kv_fp8 else "auto"),
        *(("--tasks", ",".join(tasks)) if tasks else ()),
        *("--records", records),
    ]
