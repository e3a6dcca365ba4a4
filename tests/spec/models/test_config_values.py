"""Keys of a config.json: a value of the right kind and size, or one line with file and key."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import InputError
from advisor.spec.models.config_values import LARGEST, ConfigValues


def of(**values: Any) -> ConfigValues:
    return ConfigValues(values, "m/config.json")


def test_a_count_is_the_first_of_its_names_that_is_there() -> None:
    config = of(num_heads=None, n_head=32, heads=16)
    assert config.count("num_heads", "n_head", "heads") == 32
    assert config.count("layers", default=7) == 7


def test_a_missing_count_says_which_key_to_add() -> None:
    with pytest.raises(InputError, match=r"^m/config.json: 'num_layers' is missing; give a complete config"):
        of().count("num_layers", "n_layer")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "is not a positive whole number"),
        (-1, "is not a whole number of at least 0"),
        (1.5, "is not a whole number of at least 0"),
        (float("nan"), "is not a whole number of at least 0"),
        (float("inf"), "is larger than any model's"),
        (True, "is not a whole number"),
        ("32", "is not a whole number"),
        ({"a": 1}, "is not a whole number"),
        (LARGEST + 1, "is larger than any model's"),
        ([32, 16], "differs between layers"),
    ],
)
def test_what_is_no_count_is_told_with_its_value(value: object, words: str) -> None:
    with pytest.raises(InputError) as error:
        of(layers=value).count("layers")
    assert str(error.value).startswith("m/config.json: layers: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_number_for_each_layer_is_read_where_all_are_equal() -> None:
    assert of(heads=[32, 32, 32]).count("heads") == 32
    assert of(heads=32.0).count("heads") == 32


def test_zero_and_absence_both_mean_not_used_where_that_is_allowed() -> None:
    assert of(experts=0).count_or_zero("experts") == 0
    assert of().count_or_zero("experts", default=3) == 3
    assert [of(window=w).count_or_none("window") for w in (None, 0, 512)] == [None, None, 512]


@pytest.mark.parametrize("value", [0, -0.5, LARGEST + 1.0, "0.5", True, None])
def test_a_factor_is_a_positive_number(value: object) -> None:
    assert of(theta=0.25).factor("theta") == 0.25
    with pytest.raises(InputError, match="theta"):
        of(theta=value).factor("theta")


@pytest.mark.parametrize(
    ("read", "good", "bad", "absent"),
    [
        (lambda c: c.flag("k", default=True), False, "false", True),
        (lambda c: c.text("k", "usual"), "llama", 3, "usual"),
        (lambda c: c.texts("k"), ("a", "b"), ["a", 1], None),
        (lambda c: c.numbers("k"), (1, 0, 2), [1, True], None),
    ],
)
def test_each_kind_has_its_value_its_refusal_and_its_absence(
    read: Any, good: object, bad: object, absent: object
) -> None:
    assert read(of(k=list(good) if isinstance(good, tuple) else good)) == good
    assert read(of()) == absent
    with pytest.raises(InputError, match=r"m/config.json: k: "):
        read(of(k=bad))


def test_a_section_is_named_in_what_is_wrong_inside_it() -> None:
    inner = of(text_config={"layers": "many"}).section("text_config")
    assert inner is not None
    with pytest.raises(InputError, match=r"^m/config.json: text_config: layers: 'many' is not a whole"):
        inner.count("layers")
    assert of().section("text_config") is None
    with pytest.raises(InputError, match="is not a section of keys"):
        of(text_config=[1]).section("text_config")


def test_a_list_of_sections_counts_them() -> None:
    blocks = of(blocks=[{"n": 1}, {"n": 0}]).sections("blocks")
    assert [block.where for block in blocks] == ["m/config.json: blocks[0]", "m/config.json: blocks[1]"]
    with pytest.raises(InputError, match=re.escape("blocks[1]: n: 0 is not a positive")):
        blocks[1].count("n")
    for bad in (None, {}, [1]):
        with pytest.raises(InputError, match="is not a list of sections"):
            of(blocks=bad).sections("blocks")


def test_a_key_whose_value_is_null_is_not_there() -> None:
    config = of(a=None, b=0)
    assert "a" not in config
    assert "b" in config
    assert config.names() == ("a", "b")
    assert config.raw("a") is None


def test_own_keys_stand_over_those_of_another_and_null_ones_do_not() -> None:
    merged = of(a=1, b=None).over(ConfigValues({"a": 2, "b": 3, "c": 4, "d": None}, "elsewhere"))
    assert [merged.raw(key) for key in "abcd"] == [1, 3, 4, None]
    assert merged.where == "m/config.json"


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)
)
def test_any_value_is_a_count_or_one_short_line(value: object) -> None:
    try:
        text = str(of(layers=value).count("layers"))
    except InputError as error:
        text = str(error)
    assert len(text) < 140
    assert "\n" not in text
    assert not text.isdigit() or 1 <= int(text) <= LARGEST
