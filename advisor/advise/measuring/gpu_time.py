"""How long measuring takes: what `measure` is expected to occupy GPUs for."""

from __future__ import annotations

from advisor.units import S_PER_MINUTE

SERVER_START_S = 90.0
"""Our guess of what vLLM takes to load, compile and capture graphs; a large model takes more."""
BENCH_START_S = 15.0
"""`vllm bench serve` itself: its imports took 11 s on two CPU cores (vLLM 0.32)."""
REPEATS = 3
"""The least that `measure` makes of a point."""
EVALUATE_MINUTES = 30.0
"""Our guess of one round of accuracy tasks on one GPU; the model at 16 bits takes another."""


def requests_at(kind: str, value: float | None) -> int:
    """How many requests `measure` sends per repeat of a point, when nothing else is said."""
    if kind in ("single", "concurrency"):
        return max(32, 4 * int(value or 1))
    if kind == "rate":
        return max(100, min(2_000, round(60 * (value or 1.0))))
    return 512


def bench_gpu_minutes(requests: int, requests_per_s: float, num_gpus: int) -> float:
    """GPU-minutes of one point: the server's start and its repeats."""
    seconds = SERVER_START_S + REPEATS * (BENCH_START_S + requests / requests_per_s)
    return float(seconds * num_gpus / S_PER_MINUTE)
