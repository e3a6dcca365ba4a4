"""GPU-minutes that `measure` is expected to take."""

from __future__ import annotations

from advisor.spec.benchmark_run import BenchmarkRun
from advisor.units import S_PER_MINUTE

SERVER_START_S = 90.0
"""Our guess of what vLLM takes to load, compile and capture graphs; a large model takes more."""
BENCH_START_S = 15.0
"""`vllm bench serve` itself: its imports took 11 s on two CPU cores (vLLM 0.32)."""
EVALUATE_MINUTES = 30.0
"""Our guess of one round of accuracy tasks on one GPU; the model at 16 bits takes another."""


def bench_s(requests: int, requests_per_s: float) -> float:
    """Seconds of one repeat of a run."""
    return BENCH_START_S + requests / requests_per_s


def bench_gpu_minutes(run: BenchmarkRun, requests_per_s: float, num_gpus: int) -> float:
    """GPU-minutes of one run: the server's start and its repeats."""
    seconds = SERVER_START_S + run.repeats * bench_s(run.num_prompts, requests_per_s)
    return float(seconds * num_gpus / S_PER_MINUTE)
