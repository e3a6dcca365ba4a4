"""`--workload LOG`: a request log in place of a profile, and its replay."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.command import Command


@pytest.fixture
def log(tmp_path: Path) -> Path:
    rng, at, rows = random.Random(1), 0.0, []
    for _ in range(120):
        at += rng.expovariate(4.0)
        usage = '{"prompt_tokens": 800, "completion_tokens": 60}'
        rows.append(f'{{"timestamp": {1.7e9 + at:.4f}, "usage": {usage}}}')
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def test_predict_replays_the_log(quantadvise: Command, log: Path) -> None:
    arguments = ("Llama-3.1-8B-Instruct", "--gpu", "L40S", "--format", "fp8", "--workload", log)
    shown = quantadvise("predict", *arguments, "--slo", "ttft_p95_ms=60000")
    assert shown.code == 0
    assert "Replay of the log" in shown.out
    assert "ttft_p95_ms: kept" in shown.out
    assert "prefix_hit_rate is taken as 0" in shown.err
    found = json.loads(quantadvise("predict", *arguments, "--output", "json").out)
    assert found["replay"]["requests"] == 120
    # The log is Poisson: what it meets is what is predicted for its summary, within the model's error.
    for metric in ("ttft", "tpot", "e2e"):
        estimate = found["prediction"]["estimates"][f"{metric}_mean_ms"]
        assert estimate["low"] < found["replay"][f"{metric}_ms"]["mean"] < estimate["high"]
