"""The report in a real browser: it renders, its controls work, nothing complains."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from advisor.report.html.page import report_page
from tests.browser.chromium import Browser
from tests.report.html.test_page import everything

# WebDriver's names of keys.
TAB, ESCAPE, ARROW_RIGHT = "\ue004", "\ue00c", "\ue014"


MOST_WORDS = 120


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("report") / "report.html"
    found = everything(["A6000", "L40S", "H100"], rate=8.3, min_recovery=0.97)
    target.write_text(report_page(found), encoding="utf-8")
    return target.as_uri()


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Browser]:
    """The report, freshly opened; the console must have been silent when the test is over."""
    chromium.complaints()
    chromium.dark(False)
    chromium.resize(1280, 900)
    chromium.open(address)
    chromium.until(lambda: chromium.counted("drawn") == 1, "the charts are drawn")
    yield chromium
    # The next page must not remember what was chosen here.
    chromium.js("try { localStorage.clear() } catch {}")
    assert chromium.complaints() == []


def luminance(colour: str) -> float:
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    a, b = sorted((luminance(one), luminance(other)), reverse=True)
    return (a + 0.05) / (b + 0.05)


def test_every_chart_is_drawn_and_the_page_fetched_nothing(page: Browser) -> None:
    assert len(page.all(".chart svg")) == len(page.all(".chart")) >= 5
    assert page.js("return document.querySelector('main').textContent.includes('undefined')") is False
    for chart in page.all(".chart"):
        marks = chart.find_elements("css selector", "path[aria-label]")
        assert len(marks) >= 1
    assert page.js("return performance.getEntriesByType('resource').length") == 0


def test_the_answer_comes_first(page: Browser) -> None:
    assert page.find("#answer h2").text == "fp8 on 1× L40S"
    below = [page.find(what).location["y"] for what in ("#answer", "#why-fold", ".charts", "#ranked")]
    assert below == sorted(below)


def test_the_first_screen_is_short(page: Browser) -> None:
    page.resize(1440, 900)
    page.frames(2)
    assert 40 < len(page.words()) <= MOST_WORDS, page.words()


def test_a_head_sorts_by_its_numbers_both_ways(page: Browser) -> None:
    page.click("[data-all=ranking]")
    head = page.find("#ranking thead th:nth-child(3) button")
    read = """return [...document.querySelectorAll('#ranking tbody.row')]
        .filter((body) => !body.hidden).map((body) => Number(body.rows[0].cells[2].dataset.v))"""
    page.click(head)
    up = page.js(read)
    assert len(up) > 30
    assert up == sorted(up)
    assert page.find("#ranking thead th:nth-child(3)").get_attribute("aria-sort") == "ascending"
    page.click(head)
    assert page.js(read) == sorted(up, reverse=True)
    assert page.find("#ranking thead th:nth-child(3)").get_attribute("aria-sort") == "descending"
    assert "TTFT p95" in page.js("return document.getElementById('spoken').textContent")


def test_search_finds_and_all_shows_all(page: Browser) -> None:
    visible = "return [...document.querySelectorAll('#ranking tbody.row')].filter((b) => !b.hidden).length"
    few = page.js(visible)
    page.click("[data-all=ranking]")
    every = page.js(visible)
    assert few < every
    page.find("[data-find=ranking]").send_keys("int8 h100")
    found = page.js(
        """return [...document.querySelectorAll('#ranking tbody.row')]
        .filter((b) => !b.hidden).map((b) => b.dataset.text)"""
    )
    assert 0 < len(found) < every
    assert all("int8" in name and "h100" in name for name in found)


def test_a_row_opens_with_its_command(page: Browser) -> None:
    opener = page.find("#ranking tbody.row button.open")
    assert opener.get_attribute("aria-expanded") == "false"
    page.click(opener)
    assert opener.get_attribute("aria-expanded") == "true"
    assert "vllm serve" in page.find("#ranking tr.more:not([hidden]) pre").text


def test_a_point_tells_its_figures_when_pointed_at(page: Browser) -> None:
    page.hover("[data-chart=certainty] path[role='graphics-symbol']")
    told = page.until(lambda: page.find("#tip").text, "a tip is shown")
    assert re.search(r".+ on \d+× .+\n[\d.,]+ USD/h\nkeeps all limits [\d.]+ %", told)
    page.hover("#ranking tbody.row td[data-basis]")
    told = page.until(lambda: page.find("#tip").text, "a tip is shown")
    assert re.match(r"TTFT p95: [\d.,]+ ms\n90 % interval [\d.,]+–[\d.,]+ ms\n\w+", told)


def test_the_keyboard_goes_from_point_to_point(page: Browser) -> None:
    chart = page.find("[data-chart=tradeoff]")
    page.js("arguments[0].focus()", chart)
    page.keys(ARROW_RIGHT)
    first = page.until(
        lambda: page.js("return document.activeElement.getAttribute('aria-label')"), "a point has the focus"
    )
    assert page.find("#tip").text.splitlines()[0] == first.splitlines()[0]
    page.keys(ARROW_RIGHT)
    assert page.js("return document.activeElement.getAttribute('aria-label')") != first
    page.keys(ESCAPE)
    assert page.js("return document.activeElement.dataset.chart") == "tradeoff"
    assert not page.find("#tip").is_displayed()


def test_tab_reaches_everything_that_can_be_used(page: Browser) -> None:
    reached = set()
    for _ in range(60):
        page.keys(TAB)
        reached.add(
            page.js(
                """const e = document.activeElement;
                return e.id || e.dataset.chart || e.dataset.copy || e.dataset.find || e.className"""
            )
        )
    assert {"theme", "command", "certainty", "load", "load-ttft", "tradeoff", "skip"} <= reached


def test_one_crosshair_reads_all_drawings_of_the_load(page: Browser) -> None:
    page.hover("[data-chart=load-tpot] svg")
    told = page.until(lambda: page.find("#tip").text, "the crosshair tells")
    assert re.match(r"[\d.,]+ requests/s\nbest: .+ on .+\nTTFT p95 ", told)
    lines = page.js(
        "return [...document.querySelectorAll('.cross')].map((line) => line.getBoundingClientRect().x)"
    )
    assert len(lines) == 4
    assert max(lines) - min(lines) < 1


def test_a_deployment_is_one_in_picture_cards_and_table(page: Browser) -> None:
    """Pointed at in one it is marked in all; a click keeps it, Escape lets go."""
    marked = "return [...document.querySelectorAll('.same')].map((one) => one.tagName.toLowerCase())"
    card = page.find(".cards li[data-key] .pick")
    name = card.find_element("xpath", "..").get_attribute("data-key")
    page.hover(card)
    page.until(lambda: {"li", "path", "tbody"} <= set(page.js(marked)), "it is marked in all")
    row = page.find("#ranking tbody.same th")
    assert row.get_attribute("data-v") == name
    page.hover("h1")
    page.until(lambda: page.js(marked) == [], "nothing is marked")
    page.click(card)
    page.hover("h1")
    assert card.get_attribute("aria-pressed") == "true"
    assert {"li", "path", "tbody"} <= set(page.js(marked))
    page.keys(ESCAPE)
    page.until(lambda: page.js(marked) == [], "it is let go")
    # From the picture too.
    page.hover("[data-chart=certainty] path[aria-label]")
    page.until(lambda: "path" in page.js(marked), "it is marked from there")


def test_a_chip_of_the_question_names_its_flag(page: Browser) -> None:
    page.hover(".fact[data-goto=ttft]")
    assert "--slo changes it" in page.until(lambda: page.find("#tip").text, "a tip is shown")


def test_the_first_screen_holds_the_answer_its_picture_and_the_command(page: Browser) -> None:
    page.resize(1440, 900)
    for what in ("#answer-title", "[data-chart=certainty] svg", ".strip", "#command"):
        box = page.js(
            "const r = arguments[0].getBoundingClientRect(); return [r.top, r.bottom]", page.find(what)
        )
        assert 0 <= box[0] < box[1] <= 900, what


OTHERS = {
    "close": ("Llama-3.3-70B-Instruct", "rag", ["A100", "H100", "L40S"], {"slo": ["ttft_p95_ms=500"]}),
    "nothing": ("Llama-3.1-8B-Instruct", "chat", ["A6000"], {"slo": ["ttft_p95_ms=5"]}),
    "free": ("Llama-3.1-8B-Instruct", "chat", ["L4"], {"slo": ["none"], "concurrency": 8}),
    "fleet": ("Qwen2.5-32B-Instruct", "chat", None, {"rate": 300.0, "min_recovery": 0.98}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_first_screen_of_every_kind_of_answer_is_short(page: Browser, tmp_path: Path, name: str) -> None:
    model, profile, gpus, flags = OTHERS[name]
    target = tmp_path / f"{name}.html"
    target.write_text(report_page(everything(gpus, model=model, profile=profile, **flags)), encoding="utf-8")
    page.resize(1440, 900)
    page.open(target.as_uri())
    page.until(lambda: page.counted("drawn") == 1, "the charts are drawn")
    assert len(page.words()) <= MOST_WORDS, " ".join(page.words())
    said = page.js("return document.querySelector('main').textContent")
    # Keys of programs (`ttft_p95_ms`) are no words; names of files are.
    assert re.findall(r"\b(?:ttft|tpot|e2e)_\w+", said) == []


def test_no_format_at_all_says_so_instead_of_failing(page: Browser) -> None:
    for number, chip in enumerate(page.all("input[name='tradeoff-format'] + span"), start=1):
        page.click(chip)
        page.until(lambda n=number: page.counted("changed") == n, "the chart is redrawn")  # type: ignore[misc]
    assert "Nothing is chosen" in page.find("[data-chart=tradeoff]").text


def test_the_theme_follows_the_system_until_the_button_says_otherwise(page: Browser) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = page.js(ground)
    page.dark(True)
    dark = page.js(ground)
    assert luminance(dark) < 0.1 < 0.8 < luminance(light)
    button = page.find("#theme")
    assert button.text == "Light"
    page.click(button)
    assert page.js(ground) == light
    assert button.get_attribute("aria-pressed") == "false"
    page.dark(False)
    page.click(button)
    assert page.js(ground) == dark


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_from_its_ground(page: Browser, dark: bool) -> None:
    page.dark(dark)
    card = page.js("return getComputedStyle(document.querySelector('.card')).backgroundColor")
    for selector in (".answer h2", ".lead", ".says", ".note", "td", "thead th", ".strip .name", "summary"):
        colour = page.js(f"return getComputedStyle(document.querySelector('{selector}')).color")
        assert contrast(colour, card) >= 4.5, f"{selector}: {colour} on {card}"
    # Graphics need 3 : 1 (WCAG 1.4.11).
    fills = "return [...document.querySelectorAll('.swatch path')].map((path) => path.getAttribute('fill'))"
    for name in sorted(set(page.js(fills))):
        colour = page.js(
            "const e = document.createElement('i'); e.style.color = arguments[0]; document.body.append(e);"
            "const c = getComputedStyle(e).color; e.remove(); return c",
            name,
        )
        assert contrast(colour, card) >= 3.0, f"{name}: {colour} on {card}"


def test_a_phone_reads_it_without_scrolling_sideways(page: Browser) -> None:
    page.resize(390, 844, phone=True)
    page.driver.refresh()
    page.until(lambda: page.counted("drawn") == 1, "the charts are drawn")
    assert page.js("return document.documentElement.scrollWidth") <= 390
    for chart in page.all(".chart svg"):
        assert chart.size["width"] <= 390
    sizes = page.js(
        "return [...document.querySelectorAll('p, td, th, li, button')].filter((e) => e.offsetParent)"
        ".map((e) => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 12


def test_on_paper_everything_is_there_and_the_tools_are_not(page: Browser, tmp_path: Path) -> None:
    page.cdp("Emulation.setEmulatedMedia", media="print")
    try:
        assert not page.find("#theme").is_displayed()
        assert page.find("#answer").is_displayed()
        assert page.js("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    finally:
        page.cdp("Emulation.setEmulatedMedia", media="")
    made = page.pdf()
    assert made.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", made)) <= 20


def test_the_answer_is_saved_for_programs_and_people(page: Browser, tmp_path: Path) -> None:
    page.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.click("#answer .files > summary")
    for what, name in (
        ("document", "recommendation.json"),
        ("rows", "recommendation.csv"),
        ("folder", "deployment.zip"),
    ):
        page.click(f"#answer [data-save={what}]")
        page.until(lambda f=tmp_path / name: f.exists() and f.stat().st_size, f"{name} is there")  # type: ignore[misc]
    saved = json.loads((tmp_path / "recommendation.json").read_text(encoding="utf-8"))
    assert saved == page.js("return JSON.parse(document.getElementById('document').textContent)")
    rows = (tmp_path / "recommendation.csv").read_text(encoding="utf-8").splitlines()
    ranked = page.js("return document.querySelectorAll('#ranking tbody.row').length")
    assert len(rows) - 1 >= ranked > 20
    with zipfile.ZipFile(tmp_path / "deployment.zip") as found:
        assert "deployment/serve.sh" in found.namelist()


def test_on_paper_no_part_is_laid_over_another(page: Browser) -> None:
    """Chromium lays a grid's items over one another where one of them goes on to the next page."""
    page.cdp("Emulation.setEmulatedMedia", media="print")
    try:
        for of_cards in ("main", ".folds", ".charts"):
            shown = f"return getComputedStyle(document.querySelector('{of_cards}')).display"
            assert page.js(shown) == "block"
    finally:
        page.cdp("Emulation.setEmulatedMedia", media="")


def test_the_command_is_copied(page: Browser) -> None:
    page.click("[data-copy=command]")
    # The button says so for a moment only; what is read out stays.
    said = "return document.getElementById('spoken').textContent"
    assert page.until(lambda: page.js(said), "it is said whether it is copied") == "Copied"
