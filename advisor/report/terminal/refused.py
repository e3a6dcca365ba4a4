"""Why deployments were refused, in groups that stay readable, and the one line when nothing is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from advisor.advise.choose.assessment import Assessment, RefusalKind
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.choose.rows import Reason
from advisor.report.documents.refusal_words import finding, limit_text, refusal_text, worst_refusal
from advisor.text import deployment_text, listed, missed_by


def refused_lines(recommendation: Recommendation) -> list[str]:
    """The refused by the limit that they miss by most, the largest group first; each with its nearest."""
    made = [(len(reason.rows), _reason(reason), reason.rows) for reason in recommendation.reasons]
    ordered = sorted(made, key=lambda one: (-one[0], one[1]))
    return [f"{count:,} {text}: {_examples(rows)}" for count, text, rows in ordered]


_REASONS: dict[RefusalKind, str] = {
    "format": "without a kernel for the format",
    "engine": "that this vLLM is too old for",
    "seen": "that were tried and failed",
    "memory": "too large for the memory",
    "context": "with too little KV cache for the longest request",
    "evidence": "in formats whose accuracy nobody measured (name them with --formats)",
    "price": "without a known price (say --price GPU=USD_PER_HOUR)",
}


def _reason(reason: Reason) -> str:
    nearest = reason.rows[0]
    return _REASONS.get(reason.kind) or f"that miss {limit_text(nearest, worst_refusal(nearest))}"


def _examples(members: Sequence[Assessment]) -> str:
    nearest = members[0]
    if nearest.excess is not None:
        worst = worst_refusal(nearest)
        return (
            f"nearest is {deployment_text(nearest.deployment)}, {finding(nearest, worst)}, "
            f"{missed_by(worst.excess or 0.0)}"
        )
    if nearest.refusals[0].kind == "price":
        return listed(dict.fromkeys(a.deployment.gpu.label for a in members))
    if nearest.refusals[0].kind == "seen":
        why = {finding(a, a.refusals[0]): deployment_text(a.deployment) for a in reversed(members)}
        return listed([f"{name}: {words}" for words, name in reversed(why.items())], most=2)
    if nearest.refusals[0].kind == "engine":
        since = dict.fromkeys(limit_text(a, a.refusals[0]) for a in members)
        return ", ".join(since) + "; --ignore-engine-version takes them"
    if nearest.refusals[0].kind == "format":
        by_format = Counter(a.deployment.format.name for a in members)
        return ", ".join(
            f"{name} on {count} GPU{'s' if count > 1 else ''}" for name, count in by_format.items()
        )
    return listed([deployment_text(a.deployment) for a in members])


def nearly_line(recommendation: Recommendation) -> str:
    """What the table of refused deployments shows."""
    count = len(recommendation.likely)
    if count == 0:
        return "Those that miss them by the least:"
    noun = "deployment does" if count == 1 else "deployments do"
    return (
        f"By their central estimates {count:,} {noun}, and a measurement could make sure (quantadvise "
        "measure-next says which); the best of them:"
    )


def nothing_kept_line(recommendation: Recommendation) -> str:
    """One line for the case that nothing is ranked: what, how near, what would help."""
    name, workload = recommendation.model.name, recommendation.workload.name
    closest = recommendation.closest
    if not recommendation.refused:
        return f"{name}: nothing to choose from; allow more GPUs or formats"
    if closest is not None:
        worst = worst_refusal(closest)
        return (
            f"{name} for {workload}: nothing keeps the limits; "
            f"closest is {deployment_text(closest.deployment)}, "
            f"{refusal_text(closest, worst)}, {missed_by(worst.excess or 0.0)}; "
            "loosen that limit or allow other GPUs"
        )
    smallest = recommendation.smallest
    if smallest is not None:
        return (
            f"{name} for {workload}: fits none of the deployments allowed; the smallest that would hold it "
            f"is {deployment_text(smallest.deployment)}; allow that with --gpu, --formats or --max-gpus"
        )
    reason = max(recommendation.reasons, key=lambda one: len(one.rows))
    noun = "deployment" if len(reason.rows) == 1 else "deployments"
    return f"{name} for {workload}: nothing keeps the limits; {len(reason.rows):,} {noun} {_reason(reason)}"
