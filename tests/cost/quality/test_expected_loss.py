"""The expected loss: which factors enter, with which power, and what centring leaves as it was."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.quality.algorithm_and_maker import Recipe
from advisor.cost.quality.expected_loss import (
    Point,
    centred,
    columns,
    context_class,
    design,
    design_by_size,
    effective_size,
    factors,
    log_context,
    prior,
)
from advisor.cost.quality.model_traits import Traits
from advisor.spec.accuracy_benchmarks import SHORT_TOKENS


def traits(params_b: float = 8.0, active_b: float | None = None, family: str = "llama-3") -> Traits:
    return Traits(
        name=f"{family}-{params_b}",
        key=f"{family}-{params_b}",
        family=family,
        group=f"{family}-{params_b}",
        params_b=params_b,
        active_b=params_b if active_b is None else active_b,
    )


def point(format: str = "int4", benchmark: str = "GSM8K", **changed: object) -> Point:
    values: dict[str, object] = {
        "traits": traits(),
        "format": format,
        "recipe": Recipe(algorithm="gptq"),
        "benchmark": benchmark,
    }
    return Point(**(values | changed))  # type: ignore[arg-type]


def powers(of: Point) -> dict[tuple[str, str], float]:
    return dict(factors(of))


def test_a_mixture_counts_as_the_geometric_mean_of_all_and_active_parameters() -> None:
    # Qwen3-30B-A3B: sqrt(30.5 x 3.3) = 10.03B, 1.25 times the reference of 8B.
    assert effective_size(traits(30.5, 3.3)) == pytest.approx(math.log(math.sqrt(30.5 * 3.3) / 8.0))
    assert effective_size(traits(8.0)) == 0.0
    assert powers(point(traits=traits(30.5, 3.3)))["sparsity", ""] == pytest.approx(math.log(30.5 / 3.3))


@pytest.mark.parametrize(
    ("format", "weights"), [("fp8-w8a16", "fp8"), ("int8-w8a16", "int8"), ("w4a8-fp8", "int4")]
)
def test_formats_of_the_same_weights_share_their_factor(format: str, weights: str) -> None:
    found = powers(point(format))
    assert ("format", weights) in found
    assert ("as", format) in found
    assert ("format", format) not in found


def test_both_four_bit_floats_share_a_factor_and_integers_do_not() -> None:
    shared = ("four-bit floats", "")
    assert shared in powers(point("nvfp4"))
    assert shared in powers(point("mxfp4"))
    assert shared not in powers(point("int4"))


@given(st.integers(1, 4_000_000))
def test_only_contexts_beyond_a_short_one_cost_more(tokens: int) -> None:
    assert (log_context(tokens) > 0) == (tokens > SHORT_TOKENS)
    has_factor = ("context", "4 bits") in powers(point(context_tokens=tokens))
    assert has_factor == (log_context(tokens) > 0)


def test_kv_caches_and_widths_have_slopes_of_their_own_by_context() -> None:
    assert [context_class(f) for f in ("kv-fp8", "int4", "nvfp4", "fp8")] == [
        "KV cache",
        "4 bits",
        "4 bits",
        "8 bits",
    ]


POINTS = [
    point(format, benchmark, traits=traits(size, family=family), recipe=Recipe(algorithm=algorithm))
    for format in ("int4", "int8", "fp8", "nvfp4")
    for benchmark in ("GSM8K", "MMLU", "HumanEval")
    for size, family in ((8.0, "llama-3"), (70.0, "llama-3"), (7.0, "qwen-2.5"))
    for algorithm in ("gptq", "rtn")
]


@given(st.integers(0, 2**32 - 1))
def test_centred_factors_predict_the_same(seed: int) -> None:
    index = columns(POINTS, {})
    x = design(POINTS, index)
    random = np.random.default_rng(seed)
    mean, sd = prior(index, {})
    theta = mean + sd * random.standard_normal(len(index))
    moved, sds = centred(theta, np.diag(sd**2), x, index)
    assert x @ moved == pytest.approx(x @ theta, abs=1e-9)
    assert (sds >= 0).all()


def test_a_centred_benchmark_is_a_deviation_from_its_family() -> None:
    index = columns(POINTS, {})
    x = design(POINTS, index)
    theta = np.zeros(len(index))
    theta[index["benchmark", "GSM8K"]] = 1.0  # the only one of its family in POINTS
    moved, _ = centred(theta, np.eye(len(index)), x, index)
    assert moved[index["benchmark", "GSM8K"]] == pytest.approx(0.0)


def test_the_slope_by_size_is_what_a_larger_model_changes() -> None:
    index = columns(POINTS, {})
    small, large = point(traits=traits(8.0)), point(traits=traits(8.0 * math.e))
    change = design([large], index) - design([small], index)
    own = [i for (section, _), i in index.items() if section in ("size", "size by format")]
    assert change[0, own] == pytest.approx(design_by_size([small], index)[0, own])


def test_a_constant_stands_before_the_prior_of_its_section() -> None:
    key = ("algorithm", "int4/gptq")
    index = columns([point()], {key: (0.5, 0.01)})
    mean, sd = prior(index, {key: (0.5, 0.01)})
    assert (mean[index[key]], sd[index[key]]) == (0.5, 0.01)
