"""Markup as values: no text becomes markup, and what is left out leaves nothing behind."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.report.html.elements.format_marks import SHAPES, colour, scales, shape, swatch
from advisor.report.html.elements.markup import Html, data_script, joined, json_text, scrolled, tag
from advisor.spec.formats.catalog import known_formats


class Reader(HTMLParser):
    """The elements and the text of a piece of markup."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_an_element_with_its_attributes() -> None:
    made = tag("p", "a < b", class_="says", aria_hidden="true", hidden=True, title=None, open=False)
    assert made == '<p class="says" aria-hidden="true" hidden>a &lt; b</p>'
    assert tag("br", class_="x") == '<br class="x">'


def test_children_are_flattened_and_none_is_left_out() -> None:
    assert joined("a", None, [tag("b", "c"), ["d"]], (x for x in "ef")) == "a<b>c</b>def"


def test_markup_is_not_escaped_twice() -> None:
    assert tag("p", tag("b", "&")) == "<p><b>&amp;</b></p>"
    assert isinstance(tag("p"), Html)


@pytest.mark.parametrize("child", [7, 1.5, {"a": 1}, object()])
def test_what_is_neither_text_nor_markup_is_our_mistake(child: object) -> None:
    with pytest.raises(TypeError, match="is neither text nor markup"):
        tag("p", child)


@given(st.text(), st.text())
def test_no_text_becomes_an_element_or_ends_an_attribute(text: str, value: str) -> None:
    text, value = (t.replace("\r", "").replace("\x00", "") for t in (text, value))
    read = Reader(tag("p", text, title=value))
    assert read.elements == [("p", {"title": value})]
    assert read.text == text


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_json_in_a_script_cannot_end_the_script_and_reads_back(value: object) -> None:
    text = json_text(value)
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text) == value


def test_the_data_of_a_script_stands_under_its_name() -> None:
    assert data_script("answer", ["</script>"]) == (
        '<script type="application/json" id="answer">["\\u003c/script>"]</script>'
    )


def test_json_has_no_number_that_a_browser_cannot_read() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        json_text(float("nan"))


def test_a_wide_thing_is_scrolled_by_the_keyboard_too() -> None:
    assert scrolled(tag("table")) == '<div class="scroll" tabindex="0"><table></table></div>'


def test_every_format_has_a_colour_and_a_shape_of_its_own() -> None:
    names = [fmt.name for fmt in known_formats()]
    assert set(names) <= set(SHAPES)
    assert len({shape(name) for name in names}) == len({colour(name) for name in names}) == len(names)


def test_what_is_no_format_has_the_common_mark() -> None:
    assert (colour("mine"), shape("mine")) == ("var(--other)", "circle")
    made = scales(["fp8", "mine"])
    assert made["color"] == {"domain": ["fp8", "mine"], "range": ["var(--fp8)", "var(--other)"]}


@pytest.mark.parametrize("name", [*SHAPES, "mine"])
def test_a_mark_is_a_path_that_readers_pass_over(name: str) -> None:
    [svg, path] = Reader(swatch(name)).elements
    assert svg[1]["aria-hidden"] == "true"
    assert (path[1]["d"] or "").startswith("M")
    assert "style" not in svg[1]  # the page's policy lets no style in
