"""A chart's place in the page: it is whole without its drawing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.report.html.charts.chart import (
    Chart,
    Control,
    Drawing,
    figure,
    layered,
    plain_table,
    short_name,
)
from tests.advise.builders import deployment
from tests.report.html.elements.test_markup import Reader

TABLE = plain_table(("GPU", "USD"), [("L40S", "1.09"), ("H100", "3.85")])
CHART = Chart(
    name="tradeoff",
    title="Cost and latency",
    says="fp8 is cheapest.",
    spec={"mark": "point"},
    sets={"points": [{"x": 1}]},
    table=TABLE,
)


def test_a_table_names_its_columns_and_what_each_row_is_of() -> None:
    assert TABLE.startswith('<table class="plain"><thead><tr><th scope="col">GPU</th>')
    assert '<th scope="row">L40S</th><td>1.09</td>' in TABLE


def test_without_scripts_the_words_and_the_table_have_it_all() -> None:
    text = Reader(figure(CHART)).text
    for part in ("Cost and latency", "fp8 is cheapest.", "Table", "L40S", "1.09"):
        assert part in text


def test_the_drawing_is_reached_by_the_keyboard_and_described() -> None:
    elements = Reader(figure(CHART)).elements
    [place] = [attributes for _, attributes in elements if attributes.get("data-chart")]
    assert place["tabindex"] == "0"
    ids = {attributes.get("id") for _, attributes in elements}
    assert set((place["aria-describedby"] or "").split()) <= ids
    assert place["aria-labelledby"] in ids


def test_within_another_card_it_is_a_smaller_heading() -> None:
    assert ">Cost and latency</h2>" in figure(CHART)
    assert ">Cost and latency</h3>" in figure(CHART, bare=True)


def test_a_name_that_people_give_stays_text() -> None:
    odd = replace(CHART, title="<script>alert(1)</script>", notes=("<b>",))
    assert "script" not in [name for name, _ in Reader(figure(odd)).elements]


def test_drawings_below_one_another_are_sent_in_their_order() -> None:
    below = Drawing(name="tpot", title="TPOT", spec={"mark": "line"}, sets={})
    made = replace(CHART, panels=(below,), readings=({"x": 1, "says": "8 ms"},), over="rate")
    assert [part["name"] for part in made.payload] == ["tradeoff", "tpot"]
    assert made.payload[0]["readings"] == [{"x": 1, "says": "8 ms"}]
    assert 'data-over="rate"' in figure(made)
    assert 'aria-label="TPOT"' in figure(made)


@pytest.mark.parametrize(
    ("kind", "chosen", "checked"),
    [("one", None, ["fp8"]), ("formats", None, ["fp8", "int4"]), ("formats", ("int4",), ["int4"]),
     ("one", ("int4",), ["int4"])],
)  # fmt: skip
def test_what_a_reader_may_choose_from(kind: str, chosen: tuple[str, ...] | None, checked: list[str]) -> None:
    control = Control(
        field="format",
        label="Formats",
        options=(("fp8", "FP8"), ("int4", "INT4")),
        kind=kind,  # type: ignore[arg-type]
        chosen=chosen,
    )
    inputs = [
        a for name, a in Reader(figure(replace(CHART, controls=(control,)))).elements if name == "input"
    ]
    assert [a["value"] for a in inputs] == ["fp8", "int4"]
    assert [a["value"] for a in inputs if "checked" in a] == checked
    assert {a["type"] for a in inputs} == {"checkbox" if kind == "formats" else "radio"}


def test_a_drawing_takes_its_colours_from_the_style_sheet_and_fetches_nothing() -> None:
    made = layered([{"mark": "point"}], height=200, title="x")
    assert made["background"] is None
    assert (made["width"], made["height"], made["title"]) == ("container", 200, "x")
    assert made["config"]["axis"]["labelColor"].startswith("var(--")
    assert "url" not in str({key: value for key, value in made.items() if key != "$schema"})


def test_an_axis_has_room_for_the_format_and_all_gpus() -> None:
    assert short_name(deployment(fmt="fp8", gpu="L40S", tensor_parallel=2, replicas=3)) == "fp8, 6× L40S"
