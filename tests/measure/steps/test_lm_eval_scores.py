"""What lm-eval (0.4.13, recorded) says becomes scores under a protocol, and differences on the same items."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import DataError
from advisor.measure.steps import lm_eval_scores
from advisor.measure.steps.lm_eval_scores import Score

DATA = Path(__file__).parents[1] / "data"


def asked(**changes: Any) -> dict[str, Any]:
    row = lm_eval_scores.spec(
        "tiny",
        backend="local-completions",
        model_args={},
        task_folder=None,
        fewshot=None,
        limit=None,
        chat_template=False,
        seed=0,
        device=None,
    )
    return row | changes


def scores(name: str, **changes: Any) -> dict[str, Score]:
    text = (DATA / f"lm_eval_0.4.13_{name}.json").read_text()
    found = lm_eval_scores.parse(text, asked(**changes), where=name)
    assert isinstance(found, list)
    return {score.name: score for score in found}


def test_scores_are_lm_evals_own():
    found = scores("tiny_mc_bf16")
    assert found["acc"].value == pytest.approx(50 / 120)
    assert found["acc"].stderr == pytest.approx(0.0451938453788867)
    assert found["acc"].samples == 120


def test_an_error_of_not_available_is_unknown():
    assert scores("tiny_ppl_bf16")["word_perplexity"].stderr is None


def test_perplexity_is_better_when_lower():
    assert not scores("tiny_ppl_bf16")["word_perplexity"].higher_is_better
    assert scores("tiny_mc_bf16")["acc"].higher_is_better


def test_the_same_task_on_two_formats_has_one_protocol():
    assert scores("tiny_mc_bf16")["acc"].protocol == scores("tiny_mc_int4")["acc"].protocol


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"chat_template": True}, {"backend": "hf"}], ids=["seed", "template", "backend"]
)
def test_another_protocol_is_never_compared(change: dict[str, Any]):
    one, other = scores("tiny_mc_int4", **change)["acc"], scores("tiny_mc_bf16")["acc"]
    assert one.protocol != other.protocol
    assert lm_eval_scores.difference(one, other) is None


def test_other_items_are_never_compared():
    one = scores("tiny_mc_int4")["acc"]
    fewer = replace(one, items=one.items[:-1])
    assert lm_eval_scores.difference(fewer, scores("tiny_mc_bf16")["acc"]) is None


def test_the_paired_error_of_accuracy_by_hand():
    # INT4 misses one of the 120 questions that BF16 answers: 49 right instead of 50.
    found = lm_eval_scores.difference(scores("tiny_mc_int4")["acc"], scores("tiny_mc_bf16")["acc"])
    assert found is not None
    assert found.value == pytest.approx(-1 / 120)
    deltas = [-1.0] + [0.0] * 119
    mean = sum(deltas) / 120
    by_hand = math.sqrt(sum((delta - mean) ** 2 for delta in deltas) / 119 / 120)
    assert found.stderr == pytest.approx(by_hand)


def test_int4_costs_perplexity_by_more_than_its_error():
    one, other = scores("tiny_ppl_int4")["word_perplexity"], scores("tiny_ppl_bf16")["word_perplexity"]
    found = lm_eval_scores.difference(one, other)
    assert found is not None
    assert found.value == pytest.approx(math.log(one.value / other.value), rel=1e-6)
    assert found.value > 5 * found.stderr


def numbers(values: list[float], name: str = "acc") -> Score:
    items = tuple((f"item {at}", value) for at, value in enumerate(values))
    return replace(scores("tiny_mc_bf16")[name], items=items)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30), st.floats(-10, 10))
def test_a_constant_shift_is_found_without_error(values: list[float], shift: float):
    found = lm_eval_scores.difference(numbers([value + shift for value in values]), numbers(values))
    assert found is not None
    assert found.value == pytest.approx(shift, abs=1e-9)
    assert found.stderr == pytest.approx(0, abs=1e-9)


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=2, max_size=30))
def test_the_other_way_round_is_the_negative(pairs: list[tuple[float, float]]):
    one, other = numbers([pair[0] for pair in pairs]), numbers([pair[1] for pair in pairs])
    forth, back = lm_eval_scores.difference(one, other), lm_eval_scores.difference(other, one)
    assert forth is not None
    assert back is not None
    assert forth.value == pytest.approx(-back.value)
    assert forth.stderr == pytest.approx(back.stderr)


def test_the_order_of_items_does_not_matter():
    one = scores("tiny_mc_int4")["acc"]
    shuffled = replace(one, items=tuple(reversed(one.items)))
    base = scores("tiny_mc_bf16")["acc"]
    assert lm_eval_scores.difference(shuffled, base) == lm_eval_scores.difference(one, base)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"results": {}}x'])
def test_what_is_no_result_is_named(text: str):
    with pytest.raises(DataError, match=r"result\.json: not a result of the lm-eval worker"):
        lm_eval_scores.parse(text, asked(), where="result.json")


def test_no_finite_score_is_a_failure():
    row = json.loads((DATA / "lm_eval_0.4.13_tiny_mc_bf16.json").read_text())
    row["results"]["tiny_mc"] = {"alias": "tiny_mc", "acc,none": float("nan")}
    found = lm_eval_scores.parse(json.dumps(row), asked(), where="x")
    assert not isinstance(found, list)
    assert found.detail == "tiny: lm-eval gave no finite score"
