"""Prompts whose lengths vary as the workload says: drawn by a seed, and cut until their tokens are right."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.measure.steps import prompts
from advisor.measure.steps.vllm_server import Serving
from advisor.measure.steps.what_to_measure import Plan
from advisor.measure.steps.workers.prompts_worker import text_of_length
from advisor.spec.workloads.workload import Arrival, Lengths, Load

CONSTANT, VARIED = Lengths.constant(512), Lengths.lognormal(512, 128)


def load(inputs: Lengths = VARIED, outputs: Lengths = CONSTANT) -> Load:
    return Load(input_tokens=inputs, output_tokens=outputs, arrival=Arrival(kind="concurrency", value=8))


def plan(own: str | None = None) -> Plan:
    return cast(Plan, SimpleNamespace(prompts=own))


@pytest.mark.parametrize(
    ("inputs", "outputs", "own", "needed"),
    [(CONSTANT, CONSTANT, None, False), (VARIED, CONSTANT, None, True), (CONSTANT, VARIED, None, True),
     (VARIED, VARIED, "mine.jsonl", False)],
)  # fmt: skip
def test_prompts_are_drawn_where_lengths_vary_and_there_are_none_of_ones_own(
    inputs: Lengths, outputs: Lengths, own: str | None, needed: bool
) -> None:
    assert prompts.needed(plan(own), load(inputs, outputs)) is needed


def test_lengths_are_those_of_the_workload() -> None:
    drawn = np.array(prompts.lengths(load(), 4_000, seed=1))
    assert drawn[:, 0].mean() == pytest.approx(512, rel=0.02)
    assert drawn[:, 0].std() == pytest.approx(128, rel=0.05)
    assert set(drawn[:, 1].tolist()) == {512}


@given(st.integers(0, 2**31), st.integers(1, 50))
def test_a_seed_draws_the_same_lengths_again(seed: int, count: int) -> None:
    assert prompts.lengths(load(), count, seed) == prompts.lengths(load(), count, seed)
    assert len(prompts.lengths(load(), count, seed)) == count


def test_another_seed_draws_others() -> None:
    assert prompts.lengths(load(), 50, 1) != prompts.lengths(load(), 50, 2)


def test_the_workers_specification_has_what_decides_the_prompts() -> None:
    serving = cast(Serving, SimpleNamespace(model="m", revision="main"))
    made = prompts.spec(serving, load(), {"seed": 3, "requests": 5})
    assert (made["tokenizer"], made["revision"], made["seed"]) == ("m", "main", 3)
    assert made["lengths"] == prompts.lengths(load(), 5, 3)


class Tokenizer:
    """One token per letter; `ab` side by side are one token, as merges of a real tokenizer are."""

    def __init__(self, special: int = 0) -> None:
        self.special = special

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        ids: list[int] = []
        for letter in text:
            if letter == "b" and ids and ids[-1] == 0:
                ids[-1] = 2
            else:
                ids.append("abc".index(letter) if letter != "c" else 3)
        return {"input_ids": [9] * (self.special if add_special_tokens else 0) + ids}

    def decode(self, ids: list[int]) -> str:
        return "".join({0: "a", 1: "b", 2: "ab", 3: "c"}[one] for one in ids)


@given(st.integers(1, 200), st.integers(0, 1_000), st.integers(0, 3))
def test_a_text_has_as_many_tokens_as_asked_special_ones_included(
    count: int, seed: int, special: int
) -> None:
    tokenizer: Any = Tokenizer(special)
    text = text_of_length(tokenizer, [3], count, random.Random(seed))
    assert len(tokenizer(text)["input_ids"]) == max(count, special + 1)


@given(st.integers(20, 200), st.integers(0, 1_000))
def test_tokens_that_merge_are_filled_up_to_nearly_the_count(count: int, seed: int) -> None:
    tokenizer: Any = Tokenizer()
    text = text_of_length(tokenizer, [0, 1, 3], count, random.Random(seed))
    assert abs(len(tokenizer(text)["input_ids"]) - count) <= 2
