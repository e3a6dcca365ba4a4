"""Random valid questions over the whole catalog: an answer or one line, no crash, no impossible figure."""

from __future__ import annotations

import json
import math
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from advisor.spec.formats.catalog import known_formats
from advisor.spec.hardware.catalog import known_gpus
from advisor.spec.models.catalog import known_models
from advisor.spec.workloads.read_profile import known_workloads
from tests.command import Command

FEW, MANY = 60, 2_000
MODELS, WORKLOADS = known_models(), known_workloads()
GPUS = tuple(gpu.name for gpu in known_gpus())
FORMATS = tuple(fmt.name for fmt in known_formats())
ENGINES = ("vllm 0.8.5", "vllm 0.11.0", "vllm 0.14.0", "vllm 0.19.0", "vllm 0.28.0", "vllm 0.32.0")


def question(seed: int) -> tuple[str, ...]:
    """One question, the same for a seed: mostly one deployment, sometimes a choice among GPUs."""
    rng = random.Random(seed)
    load = rng.choice(
        [
            ("--single",),
            ("--concurrency", str(rng.choice([1, 2, 8, 32, 100, 512, 2_000]))),
            ("--rate", str(rng.choice([0.01, 0.5, 3, 20, 300]))),
            ("--concurrency", "max"),
        ]
    )
    asked = ("-w", rng.choice(WORKLOADS))
    if rng.random() < 0.6:
        prompt, answer = rng.choice([1, 64, 900, 8_000, 60_000, 120_000]), rng.choice([1, 30, 400, 6_000])
        asked = ("--input-tokens", str(prompt), "--output-tokens", str(answer))
    words = [*asked, *load]
    if rng.random() < 0.3:
        words += ["--engine", rng.choice(ENGINES)]
    if rng.random() < 0.2:
        words += ["--max-num-seqs", str(rng.choice([1, 16, 256, 1_024]))]
    if rng.random() < 0.2:
        words += ["--prefix-hit-rate", str(rng.choice([0, 0.3, 0.95]))]
    if rng.random() < 0.2:
        words += ["--slo", f"ttft_p{rng.choice([50, 95, 99])}_ms={rng.choice([1, 300, 20_000])}"]
    model = rng.choice(MODELS)
    if rng.random() < 0.25:
        gpus = ",".join(rng.sample(GPUS, rng.randint(1, 3)))
        return ("recommend", model, "--gpu", gpus, *words, "-o", "json")
    kv = ("--kv-cache-dtype", rng.choice(["auto", "fp8"])) if rng.random() < 0.3 else ()
    return (
        *("predict", model, "--gpu", rng.choice(GPUS), "--format", rng.choice(FORMATS)),
        *("--tp", str(rng.choice([1, 1, 2, 4, 8, 16])), *kv, *words, "-o", "json"),
    )


def figures(part: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every mapping of a document with its path."""
    if isinstance(part, dict):
        yield path, part
        for key, inner in part.items():
            yield from figures(inner, f"{path}.{key}")
    elif isinstance(part, list):
        for index, inner in enumerate(part):
            yield from figures(inner, f"{path}[{index}]")


def check(quantadvise: Command, seed: int) -> None:
    words = question(seed)
    result = quantadvise(*words)
    said = f"seed {seed}: quantadvise {' '.join(words)}"
    assert result.code in (0, 1, 3), f"{said}: {result.err[-300:]}"
    if result.code == 1:
        assert len([line for line in result.err.splitlines() if line.strip()]) <= 2, f"{said}: {result.err}"
        return
    if not result.out.strip():
        assert result.code == 3, said
        return
    for path, part in figures(json.loads(result.out)):
        for key, value in part.items():
            if isinstance(value, float):
                assert math.isfinite(value), f"{said}: {path}.{key} is {value}"
        if {"low", "value", "high"} <= part.keys() and part["value"] is not None:
            low, value, high = part["low"], part["value"], part["high"]
            if low is not None and high is not None:
                assert low <= value <= high, f"{said}: {path} {low} {value} {high}"
                assert low >= 0, f"{said}: {path} {low}"


@pytest.mark.parametrize("seed", range(FEW))
def test_a_random_question_has_an_answer_or_one_line(quantadvise: Command, seed: int) -> None:
    check(quantadvise, seed)


@pytest.mark.heavy
def test_two_thousand_random_questions(quantadvise: Command) -> None:
    first = int(os.environ.get("QUANTADVISE_SEED", "1000"))
    for seed in range(first, first + MANY):
        check(quantadvise, seed)
