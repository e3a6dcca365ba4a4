"""Why deployments were refused, in groups that stay readable, and the one line when nothing is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.advise.choose.assessment import Assessment, Refusal, RefusalKind
from advisor.advise.choose.judged_rows import Reason
from advisor.advise.choose.recommendation import Recommendation
from advisor.display_text import (
    DISCERNIBLE_SHARE,
    bill_text,
    capitalized,
    chance,
    deployment_text,
    listed,
    missed_by,
    stated_share,
)
from advisor.report.documents.missed_limit_words import (
    finding,
    limit_text,
    needs_engine,
    refusal_text,
    release_that_starts,
    worst_refusal,
)
from advisor.report.terminal import cost_of_certainty
from advisor.report.terminal.answer import Line, pick_lines, plain, question_text, table_lines, wrapped
from advisor.report.terminal.ranking_tables import nearly_rows
from advisor.spec.workloads.workload import Workload
from advisor.spec.workloads.workload_words import asks_limits

if TYPE_CHECKING:
    from advisor.advise.certainty_and_sensitivity import Decision
    from advisor.advise.mixed.fleet import Mix


def refused_lines(recommendation: Recommendation) -> list[str]:
    """The refused by the limit that they miss by most, the largest group first; each with its nearest."""
    made = [group for reason in recommendation.reasons for group in _groups(reason)]
    ordered = sorted(made, key=lambda one: (-len(one.rows), one.what))
    confidence = recommendation.workload.confidence
    return [f"{len(one.rows):,} {one.what}: {one.examples(confidence)}" for one in ordered]


_REASONS: dict[RefusalKind, str] = {
    "format": "without a kernel for the format",
    "seen": "that were tried and failed",
    "memory": "too large for the memory",
    "context": "with too little KV cache for the longest request",
    "evidence": "in formats whose accuracy nobody measured (name them with --formats)",
    "price": "without a known price (say --price GPU=USD_PER_HOUR)",
}


_OF_A_FORMAT = (None, "packaging", "kernel", "experts")
"""Rules of vLLM by which it is the format that does not start; by the others it is the model on the GPU."""
TOO_OLD, TOO_NEW = "that this vLLM is too old for", "that this vLLM is too new for"
NEVER = "that no vLLM known here starts"


@dataclass(frozen=True, slots=True)
class _Group:
    """The refused for one cause."""

    what: str
    rows: Sequence[Assessment]
    remedy: str = ""
    """What takes them after all."""

    def examples(self, confidence: float) -> str:
        """The nearest of them, or what they are; with the remedy."""
        if self.what in (TOO_OLD, TOO_NEW):
            why = f", since {self.why}" if self.what == TOO_NEW else ""
            return f"{', '.join(dict.fromkeys(map(needs_engine, self.rows)))}{why}; {self.remedy}"
        if self.what == NEVER:
            formats = listed(dict.fromkeys(a.deployment.format.name for a in self.rows))
            gpus = listed(dict.fromkeys(a.deployment.gpu.label for a in self.rows))
            return f"{formats} on {gpus}, since {self.why}"
        return _examples(self.rows, confidence)

    @property
    def why(self) -> str:
        """What vLLM says of those that it does not start."""
        return listed(dict.fromkeys(a.deployment.kernels.why for a in self.rows), most=2)

    @property
    def headline(self) -> str:
        """The cause in a few words, with the remedy."""
        if self.what in (NEVER, TOO_NEW):
            remedy = f"; {self.remedy}" if self.remedy else ""
            return f"{self.what}, since {self.why}{remedy}"
        return f"{self.what} ({self.remedy})" if self.remedy else self.what


def _groups(reason: Reason) -> list[_Group]:
    """A reason's refused by their cause, those first that something takes: what vLLM does not start, it
    does not start for different causes."""
    if reason.kind not in ("engine", "format"):
        nearest = reason.rows[0]
        what = _REASONS.get(reason.kind) or f"that miss {limit_text(nearest, worst_refusal(nearest))}"
        return [_Group(what, reason.rows)]
    found: dict[tuple[str, str], list[Assessment]] = {}
    for assessment in reason.rows:
        found.setdefault(_cause(assessment, reason.kind), []).append(assessment)
    groups = [_Group(what, rows, remedy) for (what, remedy), rows in found.items()]
    return sorted(groups, key=lambda one: (not one.remedy, -len(one.rows)))


def _cause(assessment: Assessment, kind: RefusalKind) -> tuple[str, str]:
    """Why vLLM does not start it, and what would."""
    kernels = assessment.deployment.kernels
    if kind == "format" and (kernels.by_format or kernels.refused_by in _OF_A_FORMAT):
        return _REASONS["format"], ""
    served = release_that_starts(assessment)
    if served is None:
        return NEVER, ""
    sign, release = served
    if sign == ">=":
        return TOO_OLD, "--ignore-engine-version takes them"
    return TOO_NEW, f"--engine 'vllm {release}' takes them"


def limit_lines(assessment: Assessment, workload: Workload) -> list[str]:
    """The probability that all limits are kept, where any is asked for, and each limit that is missed.

    `all are kept with 51 %, 80 % is asked for`.
    """
    confidence = workload.confidence
    asked = "" if assessment.kept else f", {stated_share(confidence)} is asked for"
    kept = f"all are kept with {chance(assessment.keeps_all_limits, confidence)}{asked}"
    return [*([kept] if asks_limits(workload) else []), *_missed_texts(assessment, confidence)]


def _missed_texts(assessment: Assessment, confidence: float) -> Iterator[str]:
    for refusal in assessment.refusals:
        by_degree = refusal.excess is not None
        yield (
            _missed_text(assessment, refusal, confidence) if by_degree else refusal_text(assessment, refusal)
        )


def _missed_text(assessment: Assessment, refusal: Refusal, confidence: float) -> str:
    """`TTFT p95 <= 500 ms: 812 (700–950) ms, missed by 74 % at 80 % confidence`."""
    return f"{refusal_text(assessment, refusal)}, {_miss(refusal, assessment, confidence)}"


def _miss(refusal: Refusal, of: Assessment, confidence: float) -> str:
    """How far a limit is missed; one that is kept by itself is missed together with the others."""
    excess = refusal.excess or 0.0
    if excess >= DISCERNIBLE_SHARE:
        end = "" if refusal.expected is None else f" at {stated_share(confidence)} confidence"
        if refusal.likely_kept and end:
            return f"kept by the estimate, {missed_by(excess)}{end}"
        return f"{missed_by(excess)}{end}"
    return f"kept by itself, but all limits together with {chance(of.keeps_all_limits)} only"


def _examples(members: Sequence[Assessment], confidence: float) -> str:
    nearest = members[0]
    if nearest.excess is not None:
        worst = worst_refusal(nearest)
        found = f"{finding(nearest, worst)}, {_miss(worst, nearest, confidence)}"
        return f"nearest is {deployment_text(nearest.deployment)}, {found}"
    if nearest.refusals[0].kind == "price":
        return listed(dict.fromkeys(a.deployment.gpu.label for a in members))
    if nearest.refusals[0].kind == "seen":
        why = {finding(a, a.refusals[0]): deployment_text(a.deployment) for a in reversed(members)}
        return listed([f"{name}: {words}" for words, name in reversed(why.items())], most=2)
    if nearest.refusals[0].kind == "format":
        by_format = Counter(a.deployment.format.name for a in members)
        return ", ".join(
            f"{name} on {count} GPU{'s' if count > 1 else ''}" for name, count in by_format.items()
        )
    return listed([deployment_text(a.deployment) for a in members])


def nothing_kept_lines(
    recommendation: Recommendation,
    decision: Decision | None,
    mix: Mix | None = None,
    *,
    width: int,
    top: int | None = None,
) -> list[Line]:
    """The answer for a person where nothing is ranked: how near it is, what would have to change."""
    from advisor.report.terminal.mixed.fleet_words import compared_text

    rows = nearly_rows(recommendation, top)
    ways = () if decision is None else decision.ways_out
    table = [
        Line(),
        *plain(wrapped(nearly_line(recommendation), width)),
        *table_lines(rows, recommendation.workload, width, budget=recommendation.budget),
    ]
    return [
        *[Line(text, "bold") for text in wrapped(_nothing_kept_head(recommendation, rows), width)],
        *plain(wrapped(question_text(recommendation), width)),
        *plain(part for note in recommendation.notes for part in wrapped(f"Note: {note}.", width, indent=6)),
        *pick_lines(recommendation, decision, width),
        *plain(wrapped(f"  {compared_text(mix)}", width, indent=4) if mix is not None else ()),
        *(table if rows else _refused_section(recommendation, width)),
        *([Line(), Line("Ways out", "bold")] if ways else []),
        *plain(f"  {line}" for line in cost_of_certainty.way_out_lines(ways, width - 2)),
        Line(),
        *plain(wrapped(_more(recommendation, has_nearest=bool(rows)), width)),
    ]


def _refused_section(recommendation: Recommendation, width: int) -> list[Line]:
    """Where no refusal is a matter of degree, the refusals are the answer."""
    texts = [part for line in refused_lines(recommendation) for part in wrapped(f"  {line}", width, indent=4)]
    return [Line(), Line("Refused", "bold"), *plain(texts)] if texts else []


def _nothing_kept_head(recommendation: Recommendation, rows: Sequence[tuple[int, Assessment]]) -> str:
    """`Nothing keeps all limits with 80 % · nearest fp8 on 8× L4 · 8 USD/h (5,840 a month) · 70 %`: the first
    row of the table below."""
    if not rows:
        return nothing_kept_line(recommendation)
    confidence, (_, nearest) = recommendation.workload.confidence, rows[0]
    usd = None if nearest.cost is None else nearest.cost.usd_per_hour
    named = f"nearest {deployment_text(nearest.deployment)} · {bill_text(usd)}"
    if (longest := _too_long(nearest)) is not None:
        return f"{capitalized(_does_not_fit(longest))} · {named} · {finding(nearest, longest)}"
    kept = chance(nearest.keeps_all_limits, confidence)
    return f"Nothing keeps all limits with {stated_share(confidence)} · {named} · {kept}"


def _too_long(nearest: Assessment) -> Refusal | None:
    """The refusal of the longest request, where that hinders most."""
    worst = worst_refusal(nearest)
    return worst if worst.kind == "context" and not worst.likely_kept else None


def _does_not_fit(refusal: Refusal) -> str:
    return f"the longest request, {refusal.bound or 0:,.0f} tokens, does not fit"


def _more(recommendation: Recommendation, *, has_nearest: bool) -> str:
    """What --explain adds; has_nearest: some miss their limits by a degree, so that they have figures."""
    count = len(recommendation.refused)
    rows = recommendation.fit.get("rows")
    rests = f"the {rows:,} measurements" if isinstance(rows, int) else "the measurements"
    why = f"More: --explain shows why {'1 was' if count == 1 else f'{count:,} were'} refused"
    if not has_nearest:
        return f"{why}."
    return f"{why}, every figure of the nearest with its interval, and {rests} behind it."


def nearly_line(recommendation: Recommendation) -> str:
    """What the table of refused deployments shows."""
    count = len(recommendation.likely)
    if count == 0:
        return "Those that come nearest to it, the surest first:"
    if count == 1:
        return "By its central estimate one deployment keeps them; measure-next says what would make sure:"
    return (
        f"By their central estimates {count:,} deployments keep them; measure-next says which measurement "
        "would make sure of one. The surest:"
    )


def nothing_kept_line(recommendation: Recommendation) -> str:
    """One line for the case that nothing is ranked: what, how near, what would help."""
    return "".join(nothing_kept_parts(recommendation))


def nothing_kept_parts(recommendation: Recommendation) -> tuple[str, str]:
    """The model, the workload and that nothing keeps its limits; and how near something comes and what would
    help. Where the limits are not what hinders, the first is empty and the second says all."""
    name, workload = recommendation.model.name, recommendation.workload.name
    closest, smallest = recommendation.closest, recommendation.smallest
    head = f"{name} for {workload}: nothing keeps the limits; "
    if not recommendation.refused:
        return "", f"{name}: nothing to choose from; allow more GPUs or formats"
    if closest is not None and (longest := _too_long(closest)) is not None:
        return f"{name} for {workload}: {_does_not_fit(longest)}; ", (
            f"closest is {deployment_text(closest.deployment)}, {finding(closest, longest)}, "
            f"{missed_by(longest.excess or 0.0)}; state shorter answers or prompts, or allow other GPUs"
        )
    if closest is not None:
        miss = _missed_text(closest, worst_refusal(closest), recommendation.workload.confidence)
        return head, (
            f"closest is {deployment_text(closest.deployment)}, {miss}; loosen that limit or allow other GPUs"
        )
    if smallest is not None:
        return "", (
            f"{name} for {workload}: fits none of the deployments allowed; the smallest that would hold it "
            f"is {deployment_text(smallest.deployment)}; allow that with --gpu, --formats or --max-gpus"
        )
    reason = max(recommendation.reasons, key=lambda one: len(one.rows))
    first, *others = _groups(reason)
    noun = "deployment" if len(first.rows) == 1 else "deployments"
    causes = [f"{len(first.rows):,} {noun} {first.headline}"]
    causes += [f"{len(one.rows):,} {one.what}" for one in others]
    return head, ", ".join(causes)
