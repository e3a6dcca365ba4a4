"""What binds prefill and decode, so that a newcomer understands it; the numbers behind it."""

from __future__ import annotations

from collections.abc import Mapping

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.predict.prediction import Prediction
from advisor.cost.step.bottleneck import Bottleneck
from advisor.display_text import deployment_text, number, share
from advisor.units import GB, MS_PER_S, TERA

SLOWER_THAN_READING = 1.5
"""Milliseconds of matrix products ÷ those of reading all weights, from which on it is the kernels that are
slow."""
MOST_OF_STEP = 0.5
"""Share of matrix products in a decode step, from which on it counts that their kernels are slow."""
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


def bottleneck_number_lines(prediction: Prediction) -> list[str]:
    """What holds decode and prefill back, with the numbers behind it."""
    lines = []
    if prediction.regime_decode is not None:
        lines.append(f"Decode is bound by {prediction.regime_decode}: {_decode_numbers(prediction)}")
    if prediction.regime_prefill is not None:
        lines.append(f"Prefill is bound by {prediction.regime_prefill}: {_prefill_numbers(prediction)}")
    return lines


def _decode_numbers(prediction: Prediction) -> str:
    deployment, memory = prediction.deployment, prediction.memory
    gpu = deployment.gpu
    tpot = prediction.latency.get(("tpot", "mean"))
    weights = f"{number(memory.weight_bytes / GB)} GB of weights per GPU"
    if deployment.model.is_moe:
        weights += (
            f" at {number(gpu.memory_bandwidth_gb_s)} GB/s, of which a step reads the experts it touches"
        )
        of_step = "" if tpot is None else f", {number(tpot.value)} ms per token"
    else:
        read_ms = MS_PER_S * memory.weight_bytes / gpu.memory_bytes_per_s
        weights += f" at {number(gpu.memory_bandwidth_gb_s)} GB/s take {number(read_ms)} ms to read"
        of_step = "" if tpot is None else f", of {number(tpot.value)} ms per token"
    shared = prediction.batch is not None and prediction.batch >= 1.5
    batch = f"; {number(prediction.batch or 0.0, digits=2)} sequences share a step" if shared else ""
    if prediction.regime_decode == "KV memory":
        return (
            f"its cache holds {prediction.memory.max_concurrency:,} sequences of this load at once, "
            f"which bounds the batch{batch}"
        )
    if prediction.regime_decode == "overhead":
        return f"launches and scheduling outweigh the work; {weights}{of_step}{batch}"
    if prediction.regime_decode == "communication":
        return f"the GPUs wait for each other's sums; {weights}{of_step}{batch}"
    return f"{weights}{of_step}{batch}{_reached(prediction)}"


def _reached(prediction: Prediction) -> str:
    """What the matrix kernels make of the memory bandwidth, where they take most of the step, and clearly
    longer than reading all weights at its rate; else empty."""
    rate = prediction.deployment.gpu.memory_bytes_per_s
    products = sum(one.ms for one in prediction.decode_kernels if one.name.startswith(("matrix", "lm_head")))
    least = MS_PER_S * prediction.memory.weight_bytes / rate
    step = sum(one.ms for one in prediction.decode_kernels)
    if products <= max(SLOWER_THAN_READING * least, MOST_OF_STEP * step):
        return ""
    return (
        f"; matrix products take {number(products)} ms of the step, reading all weights at that rate "
        f"{number(least)} ms: their kernels are what is slow"
    )


def _prefill_numbers(prediction: Prediction) -> str:
    deployment = prediction.deployment
    gpu = deployment.gpu
    if prediction.regime_prefill == "communication":
        link = gpu.interconnect
        return f"{link.kind} at {number(link.gb_s_per_direction)} GB/s per direction joins the GPUs"
    if prediction.regime_prefill == "overhead":
        return "launches and scheduling outweigh the work"
    if prediction.regime_prefill == "memory bandwidth":
        return f"{number(gpu.memory_bandwidth_gb_s)} GB/s, for prompts too short to use the matrix units"
    execution = deployment.format.execution(gpu)
    rate = None if execution is None else gpu.flop_per_s(execution.compute)
    if execution is None or rate is None:
        return "its dense rate is not known"
    unpacked = f", weights unpacked from {deployment.format.name}" if execution.kind == "weight_only" else ""
    return f"{number(rate / TERA)} dense TFLOPS in {execution.compute}{unpacked}"


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
