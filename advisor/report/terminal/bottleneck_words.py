"""What binds prefill and decode, so that a newcomer understands it; the numbers behind it."""

from __future__ import annotations

from collections.abc import Mapping

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.predict.prediction import Prediction
from advisor.cost.step.bottleneck import Bottleneck
from advisor.display_text import deployment_text, number, share
from advisor.report.terminal.bottleneck_numbers import bottleneck_number_lines

_DECODE: Mapping[Bottleneck, str] = {
    "memory bandwidth": "every token waits until the weights and the cache are read from memory (memory "
    "bandwidth), so fewer bits per weight make it faster",
    "compute": "so many requests share a step that multiplying sets the pace (compute), so only formats that "
    "multiply in fewer bits make it faster",
    "overhead": "launching and scheduling outweigh the work (overhead), so that no format helps much",
    "communication": "the GPUs wait for each other (communication), so that fewer GPUs or a faster link help "
    "more than a format",
    "KV memory": "the cache holds no more requests (KV memory), so that whatever leaves it more room helps",
}
_PREFILL: Mapping[Bottleneck, str] = {
    "memory bandwidth": "prompts are so short that reading the weights takes longest (memory bandwidth)",
    "compute": "multiplying takes longest (compute), which only formats that multiply in fewer bits shorten",
    "overhead": "launching and scheduling take longest (overhead)",
    "communication": "the GPUs wait for each other (communication)",
    "KV memory": "the cache holds no more requests (KV memory)",
}


def bottleneck_lines(recommendation: Recommendation) -> list[str]:
    """What binds the first, and whether the same holds of the best of another format or GPU."""
    first = recommendation.winner
    if first is None or first.prediction is None:
        return []
    lines = _sentences(first.prediction)
    other = runner_up(recommendation)
    if other is not None and other.prediction is not None and lines:
        lines.append(_of_the_other(first.prediction, other.prediction))
    return lines


def runner_up(recommendation: Recommendation) -> Assessment | None:
    """The best of another format, or where there is none, on another GPU."""
    first = recommendation.winner
    if first is None:
        return None
    rest = recommendation.ranked[1:]
    own = first.deployment
    by_format = next((a for a in rest if a.deployment.format.name != own.format.name), None)
    return by_format or next((a for a in rest if a.deployment.gpu.name != own.gpu.name), None)


def _sentences(prediction: Prediction) -> list[str]:
    lines = []
    if prediction.regime_decode is not None:
        lines.append(f"Writing the answer (decode): {_DECODE[prediction.regime_decode]}.")
    if prediction.regime_prefill is not None:
        lines.append(f"Reading the prompt (prefill): {_PREFILL[prediction.regime_prefill]}.")
    return lines


def _of_the_other(first: Prediction, other: Prediction) -> str:
    name = f"The runner-up, {deployment_text(other.deployment)}"
    mine, its = (
        (p.regime_decode or "nothing known", p.regime_prefill or "nothing known") for p in (first, other)
    )
    if mine == its:
        return f"{name}, is bound by the same."
    return f"{name}, is bound by {its[0]} in decode and by {its[1]} in prefill."


def time_lines(prediction: Prediction) -> list[str]:
    """Where the time of a decode step and of a prompt goes, the largest first."""
    lines = []
    shared = prediction.batch is not None and prediction.batch >= 1.5
    batch = f" of {number(prediction.batch or 0.0, digits=2)} sequences" if shared else ""
    named = (("a decode step" + batch, prediction.decode_ms), ("one prompt alone", prediction.prefill_ms))
    for what, parts in named:
        total = sum(parts.values())
        if total > 0:
            told = ", ".join(
                f"{name} {number(ms)} ms ({share(ms / total)})"
                for name, ms in sorted(parts.items(), key=lambda one: -one[1])
                if ms / total >= 0.005
            )
            lines.append(f"{what}: {number(total)} ms by the model's parts: {told}")
    return lines


def number_lines(recommendation: Recommendation) -> list[str]:
    """The numbers behind what binds the first and the runner-up."""
    lines = []
    for assessment in (recommendation.winner, runner_up(recommendation)):
        if assessment is not None and assessment.prediction is not None:
            lines.append(f"{deployment_text(assessment.deployment)}:")
            lines += [f"  {line}." for line in bottleneck_number_lines(assessment.prediction)]
            lines += [f"  {line}." for line in time_lines(assessment.prediction)]
    return lines


def kernel_lines(prediction: Prediction) -> list[str]:
    """A decode step and one prompt as sums of kernel families, each with its milliseconds and its basis."""
    lines = []
    named = (("a decode step", prediction.decode_kernels), ("one prompt alone", prediction.prefill_kernels))
    for what, shares in named:
        total = sum(one.ms for one in shares)
        if total > 0:
            lines.append(f"{what}: {number(total)} ms")
            lines += [
                f"  {one.name}: {number(one.ms)} ms ({share(one.ms / total)}), {one.basis}" for one in shares
            ]
    return lines
