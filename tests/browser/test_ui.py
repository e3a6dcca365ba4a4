"""The live page, used as a person would: change the question and see the answer move."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from advisor.advise.api import shipped_predictor, shipped_quality
from advisor.ui.answers import Answerer
from advisor.ui.page import ui_page
from advisor.ui.question import Shelf
from advisor.ui.server import Server
from tests.browser.chromium import Browser

# WebDriver's names of keys: Control down, a, all keys up; Delete.
SELECT_ALL = "\ue009a\ue000"
DELETE = "\ue017"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = Server(0, ui_page({}, Shelf()), Answerer(shipped_predictor(), shipped_quality(), Shelf()))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.address
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Browser]:
    chromium.complaints()
    chromium.resize(1280, 900)
    chromium.open(address)
    chromium.until(lambda: chromium.counted("settled") >= 1, "the first answer is there")
    yield chromium
    # A question that is refused is a 422, which the browser notes; nothing else may be said.
    assert [line for line in chromium.complaints() if "422" not in line] == []


def title(page: Browser) -> str:
    return str(page.js("return document.getElementById('answer-title').textContent"))


def change(page: Browser, name: str, value: str) -> str:
    """Type or choose; the answer's title when it has moved."""
    before = page.counted("answered")
    field = page.find(f"#ask [name={name}]")
    if field.tag_name == "select":
        page.js("arguments[0].value = arguments[1]", field, value)
        page.js("arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", field)
    else:
        page.click(field)
        field.send_keys(SELECT_ALL, value)
    page.until(lambda: page.counted("answered") > before, "an answer comes")
    return title(page)


def settled(page: Browser) -> None:
    page.until(lambda: page.counted("settled") == page.counted("answered"), "tables and charts are there")


def complete(page: Browser) -> None:
    page.until(lambda: page.counted("complete") == page.counted("answered"), "all is there")


def gpu_row(page: Browser, name: str) -> Any:
    return page.find(f".gpu-row[data-name='{name}']")


def test_it_opens_with_an_answer_its_charts_and_tables(page: Browser) -> None:
    assert "on" in title(page)
    assert len(page.all(".chart svg")) >= 3
    assert len(page.all("#ranking tbody.row")) > 20
    assert page.find("#message").is_displayed() is False


def test_how_certain_it_is_and_the_load_story_follow(page: Browser) -> None:
    complete(page)
    read = "return document.getElementById('sure-place').textContent"
    before = page.js(read)
    assert "keeps every limit" in before
    assert page.find("#badge").text in ("Sure", "Close call", "In doubt")
    assert len(page.all("#part-load .chart svg")) == 4
    change(page, "ttft", "260")
    complete(page)
    assert page.js(read) != before


def test_load_limits_gpus_and_prices_move_the_answer(page: Browser) -> None:
    change(page, "recovery", "0.97")
    change(page, "load", "rate")
    assert "L40S" in change(page, "level", "8")
    assert page.find("#question").text.count("8 requests/s") == 1
    # Cheaper H100: a price is typed beside its name.
    price = gpu_row(page, "H100-SXM").find_element("css selector", "[name=price]")
    before = page.counted("answered")
    page.click(price)
    price.send_keys("0.3")
    page.until(lambda: page.counted("answered") > before, "an answer comes")
    page.until(lambda: "H100" in title(page), "the answer moves to the cheap H100")
    # Without it, only what is ticked is left.
    before = page.counted("answered")
    page.click(gpu_row(page, "H100-SXM").find_element("css selector", "[name=gpu]"))
    page.until(lambda: page.counted("answered") > before, "an answer comes")
    assert "H100" not in title(page)
    # A limit that nothing keeps is an answer too.
    change(page, "ttft", "1")
    assert title(page) == "Nothing keeps the limits with 80 %"
    assert page.find("#message").is_displayed() is False
    settled(page)


def test_another_model_and_workload_move_everything(page: Browser) -> None:
    change(page, "model", "Llama-3.3-70B-Instruct")
    assert page.find("h1").text == "Llama-3.3-70B-Instruct for chat"
    change(page, "workload", "summarization")
    assert page.find("h1").text == "Llama-3.3-70B-Instruct for summarization"
    settled(page)
    assert "Llama-3.3-70B" in page.js("return document.title")
    assert page.js("return document.querySelector('[name=input]').placeholder") == "4096"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("model", "Lama-3.1-8B-Instruct", "unknown model 'Lama-3.1-8B-Instruct'; did you mean"),
        ("ttft", "soon", "'soon' is no upper limit in ms"),
        ("recovery", "101", "--min-recovery"),
        ("level", "abc", "'abc' is no number"),
        ("maxgpus", "two", "'two' is no whole number"),
        ("input", "9999999", "longer than"),
    ],
)
def test_wrong_input_shows_its_message_and_the_old_answer_stays(
    page: Browser, name: str, value: str, told: str
) -> None:
    before = title(page)
    field = page.find(f"#ask [name={name}]")
    page.click(field)
    field.send_keys(SELECT_ALL, value)
    message = page.find("#message")
    page.until(lambda: message.is_displayed() and told in message.text, f"'{told}' is said")
    assert "\n" not in message.text
    assert message.get_attribute("role") == "alert"
    assert title(page) == before
    if name != "input":
        assert field.get_attribute("aria-invalid") == "true"
    # Mended, the message goes.
    field.send_keys(SELECT_ALL, "Llama-3.1-8B-Instruct" if name == "model" else DELETE)
    page.until(lambda: not message.is_displayed(), "the message goes")
    assert field.get_attribute("aria-invalid") is None


def test_a_question_is_an_address(page: Browser, address: str) -> None:
    change(page, "load", "concurrency")
    change(page, "level", "12")
    there = page.js("return location.href")
    assert "level=12" in there
    moved = title(page)
    page.open(there)
    page.until(lambda: page.counted("settled") >= 1, "the answer is there")
    assert title(page) == moved
    assert page.find("#ask [name=level]").get_attribute("value") == "12"
    page.click(page.find("#again"))
    page.until(lambda: "level=12" not in page.js("return location.href"), "the first question is back")


def test_what_a_reader_chose_in_a_chart_stays(page: Browser) -> None:
    page.click(page.find("input[name='tradeoff-format'][value='bf16'] + span"))
    page.until(lambda: page.counted("changed") == 1, "the chart is redrawn")
    change(page, "level", "3")
    settled(page)
    assert not page.find("input[name='tradeoff-format'][value='bf16']").is_selected()


def test_a_number_without_a_unit_moves_the_load(page: Browser) -> None:
    change(page, "level", "50")
    assert "50 requests/s" in page.find("#question").text


def test_back_undoes_and_undo_goes_back(page: Browser) -> None:
    before = title(page)
    change(page, "level", "40")
    settled(page)
    moved = title(page)
    assert moved != before
    assert f"was {before}" in page.find("#was").text
    answers = page.counted("answered")
    page.driver.back()
    page.until(lambda: page.counted("answered") > answers, "the earlier answer comes")
    assert title(page) == before
    assert page.find("#ask [name=level]").get_attribute("value") == ""
    answers = page.counted("answered")
    page.driver.forward()
    page.until(lambda: page.counted("answered") > answers, "the later answer comes")
    assert title(page) == moved
    answers = page.counted("answered")
    page.click(page.find("#undo"))
    page.until(lambda: page.counted("answered") > answers, "the answer before comes")
    assert title(page) == before


def test_gpus_are_searched(page: Browser) -> None:
    page.find("#gpu-find").send_keys("h200")
    shown = [row.get_attribute("data-name") for row in page.all(".gpu-row") if row.is_displayed()]
    assert shown
    assert all("h200" in name.lower() for name in shown)


def test_nothing_is_asked_of_anyone_else(page: Browser, address: str) -> None:
    settled(page)
    asked = page.js("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert asked
    assert all(name.startswith(address) for name in asked)
    blocked = page.js(
        "return fetch('https://example.com/').then(() => 'reached', (error) => 'refused: ' + error.name)"
    )
    assert blocked.startswith("refused")
    assert any("Content Security Policy" in line for line in page.complaints())


def test_the_answer_moves_fast(page: Browser, capsys: pytest.CaptureFixture[str]) -> None:
    """Not an assertion on time, which would say something about the machine; the figures are printed."""
    change(page, "load", "rate")
    for gpus in ("four GPUs", "all GPUs"):
        if gpus == "all GPUs":
            before = page.counted("answered")
            page.click(page.find("#any-gpu"))
            page.until(lambda before=before: page.counted("answered") > before, "an answer comes")
        seen = []
        for level in ("2", "3", "4", "5", "6", "7"):
            change(page, "level", level)
            seen.append(float(page.js("return document.documentElement.dataset.seenMs")))
            settled(page)
        with capsys.disabled():
            median = statistics.median(seen)
            print(f"\nfrom question to answer on the screen, {gpus}: median {median:.0f} ms, {seen}")
        assert len(set(seen)) > 1


def test_on_a_phone_the_answer_comes_first_and_the_form_opens(page: Browser) -> None:
    page.resize(390, 844, phone=True)
    assert page.js("return document.documentElement.scrollWidth") <= 390
    page.driver.refresh()
    page.until(lambda: page.counted("settled") >= 1, "the answer is there")
    assert not page.find("#ask").is_displayed()
    assert page.find("#answer").location["y"] < 600
    page.click(page.find("#panel > summary"))
    assert page.find("#ask").is_displayed()
    change(page, "ttft", "900")
    assert "TTFT p95 ≤ 900 ms" in page.find("#question").text
