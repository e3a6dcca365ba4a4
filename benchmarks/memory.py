"""What vLLM's logs print about memory beside what is predicted: weights, the engine's own, the KV cache.

`python -m benchmarks.memory` prints one line a fact and the errors by class. The facts, with the thread or
page and the conditions of each, are in tests/data/memory/vllm_logs.csv; tests/cost/test_memory_facts.py holds
them to bars.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from advisor.cost.step.deployment_work import DeploymentArrays, deployment_arrays
from advisor.cost.step.memory import Memory, memory, sequence_bytes
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.units import GIB

FACTS = Path(__file__).parent.parent / "tests" / "data" / "memory" / "vllm_logs.csv"
USUAL_CONTEXT = 8192.0
"""Tokens of a request where a log does not say `max_model_len`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What one log prints, and what is predicted of its deployment; None where it is not printed."""

    deployment: Deployment
    context: float
    weights_gib: float | None
    activation_gib: float | None
    non_torch_gib: float | None
    kv_gib: float | None
    kv_tokens: float | None
    starts: bool | None
    note: str
    url: str
    predicted: Memory
    arrays: DeploymentArrays

    @property
    def kind(self) -> str:
        """The class whose errors are judged together."""
        d = self.deployment
        if d.gpu.unified_memory:
            return "unified memory"
        wide = "16 bits" if d.format.weight_bits >= 16 else f"{d.format.weight_bits:g} bits"
        return f"{'MoE' if d.model.is_moe else 'dense'}, {wide}"

    @property
    def room_gib(self) -> float | None:
        """What the log leaves for the KV cache; where it prints tokens alone, from our bytes per token."""
        if self.kv_gib is not None or self.kv_tokens is None:
            return self.kv_gib
        return self.kv_tokens * self.request_bytes / self.context / GIB

    @property
    def request_bytes(self) -> float:
        """Bytes that a request of `context` tokens takes of the cache, predicted."""
        a = self.arrays
        at = np.array([self.context])
        return float(sequence_bytes(a.kv_store_bytes, a.kv_window, a.sequence_state_bytes, at)[0])

    @property
    def kv_predicted_gib(self) -> float:
        return float(self.predicted.kv_bytes[0]) / GIB

    @property
    def tokens_predicted(self) -> float:
        """As vLLM counts them: requests of `context` tokens that fit, times their tokens."""
        return max(self.kv_predicted_gib, 0.0) * GIB / self.request_bytes * self.context

    @property
    def score(self) -> float | None:
        """The error of the KV cache in half widths of its interval on that side; None: not printed."""
        room = self.room_gib
        if room is None:
            return None
        m = self.predicted
        error = room * GIB - float(m.kv_bytes[0])
        end = m.kv_high_bytes[0] if error > 0 else m.kv_low_bytes[0]
        return error / abs(float(end - m.kv_bytes[0]))

    @property
    def is_refused(self) -> bool:
        """Whether one request of `context` tokens does not fit by the central estimate."""
        return self.kv_predicted_gib * GIB < self.request_bytes

    @property
    def is_unsure(self) -> bool:
        """Whether it may not fit: at the low end of the interval it does not."""
        return float(self.predicted.kv_low_bytes[0]) < self.request_bytes


def read_facts(path: Path = FACTS) -> list[Fact]:
    """Every fact of the file, with its prediction."""
    with path.open(newline="") as file:
        return [_fact(row) for row in csv.DictReader(file)]


def _fact(row: dict[str, str]) -> Fact:
    def number(name: str) -> float | None:
        return float(row[name]) if row[name] else None

    def count(name: str) -> int | None:
        return int(row[name]) if row[name] else None

    engine = Engine(
        version=row["engine_version"],
        max_num_seqs=count("max_num_seqs"),
        max_num_batched_tokens=count("max_num_batched_tokens"),
        gpu_memory_utilization=number("gpu_memory_utilization"),
        enforce_eager=row["enforce_eager"] == "yes" or None,
        takes_any_format=True,
    )
    deployment = Deployment(
        model=find_model(row["model"]),
        format=find_format(row["format"]),
        gpu=find_gpu(row["gpu"]),
        tensor_parallel=int(row["gpus"]),
        kv_format="fp8" if row["kv_dtype"] == "fp8" else "16bit",
        engine=engine,
    )
    arrays = deployment_arrays([deployment])
    return Fact(
        deployment=deployment,
        context=number("max_model_len") or USUAL_CONTEXT,
        weights_gib=number("weights_gib"),
        activation_gib=number("activation_gib"),
        non_torch_gib=number("non_torch_gib"),
        kv_gib=number("kv_gib"),
        kv_tokens=number("kv_tokens"),
        starts={"yes": True, "no": False}.get(row["starts"]),
        note=row["note"],
        url=row["url"],
        predicted=memory(arrays),
        arrays=arrays,
    )


def scale_without(facts: Sequence[Fact], model: str, coverage: float = 0.9) -> float:
    """By what factor the interval would be stretched to hold this share of the other models' facts."""
    scores = sorted(abs(f.score) for f in facts if f.score is not None and f.deployment.model.name != model)
    rank = int(np.ceil(coverage * (len(scores) + 1))) - 1
    return scores[min(rank, len(scores) - 1)]


def judged(facts: Sequence[Fact]) -> list[Fact]:
    """The facts that bars hold for: what else lies in a unified memory, no log says."""
    return [f for f in facts if f.kind != "unified memory"]


def main() -> None:
    facts = read_facts()
    print("predicted/printed: weights, the engine's own, KV cache (90 % interval), all GiB; tokens")
    for f in facts:
        print(_line(f))
    print("\nclass             facts  weights        KV cache, median      tokens, median  in the interval")
    for kind in sorted({f.kind for f in facts}):
        print(_summary(kind, [f for f in facts if f.kind == kind]))
    print(_summary("all but unified", judged(facts)))
    held = [f for f in judged(facts) if f.score is not None]
    inside = [abs(f.score or 0.0) <= scale_without(held, f.deployment.model.name) for f in held]
    print(f"\nin the interval with its model left out of the scale: {np.mean(inside):.0%} of {len(inside)}")


def _line(f: Fact) -> str:
    d, m = f.deployment, f.predicted
    own = None if f.activation_gib is None else f.activation_gib + (f.non_torch_gib or 0.0)
    low, high = (float(end[0]) / GIB for end in (m.kv_low_bytes, m.kv_high_bytes))
    started = {True: "", False: " failed", None: ""}[f.starts]
    return (
        f"{d.model.name[:26]:26} {d.format.name:6} {d.tensor_parallel}x {d.gpu.name[:12]:12}"
        f" {d.engine.version:7}"
        f" {_pair(m.weight_bytes[0] / GIB, f.weights_gib)} {_pair(m.overhead_bytes[0] / GIB, own)}"
        f" {_pair(f.kv_predicted_gib, f.kv_gib)} ({low:.1f} to {high:.1f})"
        f" {_pair(f.tokens_predicted, f.kv_tokens, digits=0)}{started}"
    )


def _pair(predicted: float, printed: float | None, digits: int = 2) -> str:
    return f"{predicted:.{digits}f}/{'-' if printed is None else format(printed, f'.{digits}f')}"


def _summary(kind: str, facts: Sequence[Fact]) -> str:
    weights = [f.predicted.weight_bytes[0] / GIB / f.weights_gib for f in facts if f.weights_gib]
    rooms = [abs(f.kv_predicted_gib - f.room_gib) for f in facts if f.room_gib is not None]
    tokens = [abs(f.tokens_predicted / f.kv_tokens - 1) for f in facts if f.kv_tokens]
    inside = [abs(f.score) <= 1.0 for f in facts if f.score is not None]
    return (
        f"{kind:17} {len(facts):5}  {_median(weights, '×{:.3f}'):>7}  {_median(rooms, '{:.2f} GiB'):>22}"
        f"  {_median(tokens, '{:.1%}'):>20}  {sum(inside)} of {len(inside)}"
    )


def _median(values: Sequence[float], form: str) -> str:
    return form.format(float(np.median(values))) if values else "-"


if __name__ == "__main__":
    main()
