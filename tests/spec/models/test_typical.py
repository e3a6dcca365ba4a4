"""Sizes people type, and the typical model of a size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import InputError
from advisor.spec.models.catalog import model_of_size, parse_params, typical_model
from advisor.spec.models.typical import typical_mixture


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("8B", 8e9),
        ("1.5b", 1.5e9),
        (" 70 B ", 7e10),
        ("500M", 5e8),
        ("1T", 1e12),
        ("7_000_000_000", 7e9),
        ("7,000,000,000", 7e9),
        ("8e9", 8e9),
    ],
)
def test_sizes_are_read_as_people_write_them(text, params):
    assert parse_params(text) == params


@pytest.mark.parametrize("text", ["", "8", "eight", "-8B", "0B", "nan", "inf", "1e99", "8Q", "8BB", "99999T"])
def test_what_is_no_size_is_one_line(text):
    with pytest.raises(InputError) as caught:
        parse_params(text)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("params: ")


def test_a_bare_number_gets_the_unit_it_lacks():
    with pytest.raises(InputError, match="did you mean 8B"):
        parse_params("8")


@given(params=st.floats(5e7, 3e12))
def test_the_typical_model_has_the_size_asked_for(params):
    model = typical_model(params)
    assert model.total_params == pytest.approx(params, rel=0.01)
    assert model.typical
    assert model.hf_id is None
    (group,) = model.groups
    assert group.attention.query_heads % group.attention.kv_heads == 0


def test_eight_billion_is_shaped_like_llama_8b():
    model = typical_model(8e9)
    (group,) = model.groups
    assert (model.hidden, model.layers, group.attention.kv_heads) == (4096, 32, 8)
    assert model.kv_bytes_per_token(16) == 131_072
    assert model.name == "typical-8B"


@pytest.mark.parametrize("params", [0.0, -8e9, float("nan"), float("inf"), 1e7, 1e14])
def test_sizes_without_a_typical_shape_are_refused(params):
    with pytest.raises(InputError, match="outside 50M"):
        typical_model(params)


@pytest.mark.parametrize(
    ("text", "total", "active"),
    [("284B-A13B", 284e9, 13e9), ("30b-a3b", 30e9, 3e9), ("1T-A32B", 1e12, 32e9), ("47B-A13B", 47e9, 13e9)],
)
def test_a_mixture_is_named_by_all_and_active_weights(text, total, active):
    model = model_of_size(text)
    assert model.is_moe
    assert model.total_params == pytest.approx(total, rel=0.01)
    assert model.active_params == pytest.approx(active, rel=0.05)


@given(active=st.floats(1e9, 6e10), share=st.floats(0.03, 0.4))
def test_a_mixture_has_both_sizes_or_is_refused_in_one_line(active, share):
    refused, model = "", None
    try:
        model = typical_mixture(active / share, active)
    except InputError as error:
        refused = str(error)
    assert len(refused.splitlines()) == (0 if model else 1)
    if model:
        assert model.total_params == pytest.approx(active / share, rel=0.01)
        assert model.active_params == pytest.approx(active, rel=0.06)


@pytest.mark.parametrize("text", ["284B-A", "A13B", "13B-A284B", "8B-A7.9B", "284B-A13B-A2B", "-A13B"])
def test_what_is_no_mixture_is_refused(text):
    with pytest.raises(InputError, match="params: "):
        model_of_size(text)


@pytest.mark.parametrize("text", ["284B-A13B", "671B-A37B", "235B-A22B", "120B-A5B", "47B-A13B", "30B-A3B"])
def test_a_mixture_can_be_split_over_as_many_gpus_as_published_ones(text: str) -> None:
    [group] = model_of_size(text).groups
    assert (group.attention.query_heads % 8, group.attention.kv_heads) == (0, 8)
