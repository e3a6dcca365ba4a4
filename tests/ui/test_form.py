"""The form of the live page: a control for every field, each with its label and its own way to be wrong."""

from __future__ import annotations

import pytest

from advisor.advise.formats_to_search import ALIKE
from advisor.spec.formats.catalog import known_formats
from advisor.spec.hardware.catalog import known_gpus
from advisor.spec.models.catalog import known_models
from advisor.spec.workloads.read_profile import known_workloads, load_workload
from advisor.ui.fields import GROUPS, STATED, field_of_words, fields
from advisor.ui.form import form, gpu_row
from advisor.ui.own_models_workloads_gpus import OwnInputs
from advisor.ui.slider import slider
from tests.report.html.elements.test_markup import Reader

OWN = OwnInputs(workloads={"my traffic": load_workload("chat")})
PAGE = form(OWN)
ELEMENTS = Reader(PAGE).elements
NAMED = [
    attributes for name, attributes in ELEMENTS if name in ("input", "select") and attributes.get("name")
]


def values(name: str) -> list[str | None]:
    """The values of the inputs of a field."""
    return [one.get("value") for one in NAMED if one["name"] == name]


def test_every_field_has_a_control_and_a_place_for_its_error() -> None:
    said = {one["name"] for one in NAMED}
    assert set(fields()) <= said
    places = {attributes.get("data-field") for _, attributes in ELEMENTS}
    assert {field.name for field in STATED} - {"load", "gpu", "price"} <= places


def test_every_control_is_described_by_the_message() -> None:
    for one in NAMED:
        if one.get("type") not in ("checkbox", "search"):
            assert one.get("aria-describedby") == "message", one


def test_what_one_was_started_with_stands_before_what_is_known() -> None:
    options = [a["value"] for name, a in ELEMENTS if name == "option"]
    assert options.index("my traffic") < options.index(known_workloads()[0])
    assert set(known_models()) <= set(options)


def test_every_gpu_can_be_ticked_and_priced() -> None:
    assert set(values("gpu")) == {gpu.name for gpu in known_gpus()}
    priced = [one.get("data-gpu") for one in NAMED if one["name"] == "price"]
    assert sorted(filter(None, priced)) == sorted(gpu.name for gpu in known_gpus())


def test_formats_that_are_twins_of_others_are_not_offered() -> None:
    assert values("formats") == [f.name for f in known_formats() if f.name not in ALIKE]


def test_groups_stand_in_their_order() -> None:
    text = Reader(PAGE).text
    shown = [name for name in GROUPS if name != "More"]
    assert [text.index(name) for name in shown] == sorted(text.index(name) for name in shown)


def test_a_label_names_one_control() -> None:
    for part in PAGE.split("<label")[1:]:
        inside = part.split("</label>")[0]
        assert inside.count("<input") + inside.count("<select") == 1


def test_a_gpu_of_any_name_stays_text() -> None:
    assert "<b>" not in gpu_row("<b>")


@pytest.mark.parametrize("factors", [True, False])
def test_a_slider_says_between_what_it_slides_and_how(factors: bool) -> None:
    [(name, attributes)] = Reader(slider("level", "0.1", "1000", factors=factors, label="Load")).elements
    assert (name, attributes["data-low"], attributes["data-high"]) == ("input", "0.1", "1000")
    assert ("data-factors" in attributes) is factors
    assert attributes["aria-label"] == "Load"


@pytest.mark.parametrize(
    ("error", "field"),
    [
        ("--min-recovery: 2 is above 1", "recovery"),
        ("--slo ttft: x", "ttft"),
        ("--rate: 0 is not above 0", "level"),
        ("max_gpus: 0 is not a number of GPUs", "maxgpus"),
        ("something else: x", ""),
    ],
)
def test_an_error_stands_beside_the_field_that_it_begins_with(error: str, field: str) -> None:
    assert field_of_words(error) == field


def test_no_two_fields_answer_to_one_flag() -> None:
    flags = [(flag, field.name) for field in STATED for flag in field.flags]
    owners: dict[str, set[str]] = {}
    for flag, name in flags:
        owners.setdefault(flag, set()).add(name)
    shared = {flag for flag, names in owners.items() if len(names) > 1}
    assert shared == set()
