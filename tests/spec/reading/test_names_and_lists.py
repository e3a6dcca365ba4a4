"""Names are found as people write them; lists are read part by part."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import InputError
from advisor.spec.reading.comma_lists import named, split
from advisor.spec.reading.name_lookup import NameIndex, fold, printable


@pytest.mark.parametrize("typed", ["A100-SXM-80GB", "a100_sxm_80gb", "A100 SXM 80GB", "a100sxm80gb"])
def test_case_blanks_and_hyphens_do_not_matter(typed: str):
    assert NameIndex([("A100-SXM-80GB", 1), ("A100-PCIe-80GB", 2)]).get(typed) == 1


def test_two_things_of_one_name_are_our_mistake():
    with pytest.raises(ValueError, match="two catalog rows are called 'h100'"):
        NameIndex([("H100", 1), ("h100", 2)])
    assert NameIndex([("H100", 1), ("h100", 1)]).get("h-100") == 1


@given(st.text())
def test_folding_twice_changes_nothing(name: str):
    assert fold(fold(name)) == fold(name)


def test_a_name_with_a_line_break_goes_into_no_script():
    assert printable("my-model", what="model") == "my-model"
    with pytest.raises(
        InputError, match=r"^model 'a\\nb': has control characters or line breaks; rename it$"
    ):
        printable("a\nb", what="model")


def test_an_empty_list_is_not_everything():
    assert split(" H100, ,L40S,") == ["H100", "L40S"]
    assert named(None, where="--gpu", what="a GPU") is None
    assert named(["H100,L40S", "A6000"], where="--gpu", what="a GPU") == ["H100", "L40S", "A6000"]
    with pytest.raises(InputError, match=r"^--gpu: is empty; name a GPU, or leave it out$"):
        named([""], where="--gpu", what="a GPU")
