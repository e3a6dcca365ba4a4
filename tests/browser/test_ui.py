"""The live page, used as a person would: change the question and see the answer move."""

from __future__ import annotations

import json
import statistics
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from advisor.advise.api import shipped_predictor, shipped_quality
from advisor.ui.answers import Answerer, question_key
from advisor.ui.own_models_workloads_gpus import OwnInputs
from advisor.ui.page import FIRST, ui_page
from advisor.ui.server import Server
from tests.browser.chromium import Browser

# WebDriver's names of keys.
ARROW_LEFT, ARROW_RIGHT = "\ue012", "\ue014"
DATA = Path(__file__).resolve().parent.parent / "data"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = Server(
        0, ui_page({}, OwnInputs()), Answerer(shipped_predictor(), shipped_quality(), OwnInputs())
    )
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


HOLD = """const get = window.fetch;
    window.held = new Promise((go) => { window.release = go; });
    window.fetch = async (...what) => { await window.held; return get(...what); };"""
"""Answers are held back until `release()`, as on a machine that has much else to do."""


def title(page: Browser) -> str:
    return str(page.js("return document.getElementById('answer-title').textContent"))


def answered(page: Browser) -> str:
    """The answer's title once what was asked last is answered."""
    page.until(lambda: page.counted("answered") == page.counted("asked"), "the answer comes")
    return title(page)


def settled(page: Browser) -> None:
    page.until(lambda: page.counted("settled") == page.counted("asked"), "tables and charts are there")


def change(page: Browser, name: str, value: str) -> str:
    """Fill a field or choose, at once; the answer's title when all of it is answered."""
    before = page.counted("asked")
    field = page.find(f"#ask [name={name}]")
    if field.tag_name == "select":
        page.js("arguments[0].value = arguments[1]", field, value)
        page.js("arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", field)
    else:
        page.put(field, value)
    # The event is handled before the command is done; the question is counted there.
    assert page.counted("asked") > before
    return answered(page)


def press(page: Browser, what: Any) -> str:
    """Click what asks another question; the answer's title."""
    before = page.counted("asked")
    page.click(what)
    assert page.counted("asked") > before
    return answered(page)


def look(page: Browser, tab: str, selector: str) -> None:
    """Open a tab and wait for what it shows of the last question."""
    settled(page)
    page.click(f"[data-tab={tab}]")
    page.until(lambda: page.all(f"#tab-{tab} {selector}"), f"{tab} is there")
    page.until(lambda: not page.all(f"#tab-{tab} .stale, #part-{tab}.stale"), f"{tab} is of this answer")


def gpu_row(page: Browser, name: str) -> Any:
    return page.find(f".gpu-row[data-name='{name}']")


def test_it_opens_with_an_answer_its_charts_and_tables(page: Browser) -> None:
    assert "on" in title(page)
    assert len(page.all(".chart svg")) == 1
    look(page, "ranking", "#ranking tbody.row")
    assert len(page.all("#ranking tbody.row")) > 20
    page.until(lambda: page.all("#tab-ranking .chart svg"), "the chart is drawn")
    assert page.find("#message").is_displayed() is False


def test_how_certain_it_is_and_the_load_story_follow(page: Browser) -> None:
    settled(page)
    read = "return document.getElementById('sure-place').textContent"
    before = page.js(read)
    assert "keeps every limit" in before
    assert page.text("#badge") in ("Sure", "Close call", "In doubt")
    look(page, "load", ".chart svg")
    assert len(page.all("#part-load .chart svg")) == 4
    change(page, "ttft", "260")
    settled(page)
    assert page.js(read) != before
    assert "limit 260 ms" in page.text("#part-load")


def test_load_limits_gpus_and_prices_move_the_answer(page: Browser) -> None:
    change(page, "recovery", "0.97")
    change(page, "load", "rate")
    assert "L40S" in change(page, "level", "8")
    assert page.text("#question").count("8 requests/s") == 1
    # Cheaper H100: a price is typed beside its name.
    price = gpu_row(page, "H100-SXM").find_element("css selector", "[name=price]")
    page.put(price, "0.3")
    assert "H100" in answered(page)
    # Without it, only what is ticked is left.
    ticked = gpu_row(page, "H100-SXM").find_element("css selector", "[name=gpu]")
    assert "H100" not in press(page, ticked)
    # A limit that nothing keeps is an answer too.
    change(page, "ttft", "1")
    assert title(page) == "Nothing keeps the limits with 80 %"
    assert page.find("#message").is_displayed() is False
    settled(page)


def test_another_model_and_workload_move_everything(page: Browser) -> None:
    change(page, "model", "Llama-3.3-70B-Instruct")
    assert page.text("h1") == "Llama-3.3-70B-Instruct for chat"
    change(page, "workload", "summarization")
    assert page.text("h1") == "Llama-3.3-70B-Instruct for summarization"
    settled(page)
    assert "Llama-3.3-70B" in page.js("return document.title")
    assert page.js("return document.querySelector('[name=input]').placeholder") == "4096"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("model", "Lama-3.1-8B-Instruct", "unknown model 'Lama-3.1-8B-Instruct'; did you mean"),
        ("ttft", "soon", "'soon' is not an upper limit in ms"),
        ("recovery", "101", "expected a share"),
        ("level", "abc", "'abc' is not a rate"),
        ("maxgpus", "two", "'two' is not a whole number"),
        ("input", "9999999", "longer than"),
    ],
)
def test_wrong_input_shows_its_message_and_the_old_answer_stays(
    page: Browser, name: str, value: str, told: str
) -> None:
    before = title(page)
    field = page.find(f"#ask [name={name}]")
    page.put(field, value)
    message = page.find("#message")
    page.until(lambda: message.is_displayed() and told in message.text, f"'{told}' is said")
    assert "\n" not in message.text
    assert "--" not in message.text
    assert message.get_attribute("role") == "alert"
    assert page.js("return arguments[0].closest('[data-field]').dataset.field", message) == name
    assert title(page) == before
    assert field.get_attribute("aria-invalid") == "true"
    # Mended, the message goes.
    page.put(field, "Llama-3.1-8B-Instruct" if name == "model" else "")
    answered(page)
    assert not message.is_displayed()
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
    press(page, "#again")
    assert "level=12" not in page.js("return location.href")


def test_what_a_reader_chose_in_a_chart_stays(page: Browser) -> None:
    look(page, "ranking", ".chart svg")
    page.click("input[name='tradeoff-format'][value='bf16'] + span")
    page.until(lambda: page.counted("changed") == 1, "the chart is redrawn")
    change(page, "level", "3")
    settled(page)
    assert not page.find("input[name='tradeoff-format'][value='bf16']").is_selected()


@pytest.mark.parametrize(
    ("address_", "told"),
    [
        ("model=Llama-3.1-8B-Instruct&gpu=H900", "unknown GPU 'H900'"),
        ("model=Llama-3.1-8B-Instruct&levle=8", "unknown field 'levle'"),
        ("model=Llama-3.1-8B-Instruct&level=8&level=9", "is stated twice"),
        ("model=Llama-3.1-8B-Instruct&workload=no-such", "unknown workload 'no-such'"),
    ],
)
def test_what_an_address_says_and_no_field_can_hold_is_told(
    page: Browser, address: str, address_: str, told: str
) -> None:
    page.open(f"{address}?{address_}")
    message = page.find("#message")
    page.until(message.is_displayed, "it is told")
    assert told in message.text
    assert page.counted("answered") == 0


def test_every_tab_says_so_where_nothing_keeps_the_limits(page: Browser) -> None:
    change(page, "ttft", "1 ms")
    for tab, said in (
        ("load", "Nothing is ranked"),
        ("ranking", "Nothing keeps the limits"),
        ("prices", "Nothing keeps"),
    ):
        settled(page)
        page.click(f"[data-tab={tab}]")
        page.until(lambda t=tab, s=said: s in page.text(f"#part-{t}"), f"{tab} says so")  # type: ignore[misc]


def test_a_number_without_a_unit_moves_the_load(page: Browser) -> None:
    change(page, "level", "50")
    assert "50 requests/s" in page.text("#question")


def test_back_undoes_and_undo_goes_back(page: Browser) -> None:
    before = title(page)
    moved = change(page, "level", "40")
    assert moved != before
    assert f"was {before}" in page.text("#was")
    asked = page.counted("asked")
    page.driver.back()
    page.until(lambda: page.counted("asked") > asked, "the earlier question is asked")
    assert answered(page) == before
    assert page.find("#ask [name=level]").get_attribute("value") == ""
    asked = page.counted("asked")
    page.driver.forward()
    page.until(lambda: page.counted("asked") > asked, "the later question is asked")
    assert answered(page) == moved
    assert press(page, "#undo") == before


def test_what_is_typed_key_by_key_is_one_step_back_however_slow_the_answers(page: Browser) -> None:
    before, there = title(page), page.js("return location.href")
    page.js(HOLD)
    field = page.find("#ask [name=level]")
    page.click(field)
    level = "return new URLSearchParams(location.search).get('level')"
    field.send_keys("4")
    page.until(lambda: page.js(level) == "4", "4 is asked")
    field.send_keys("0")
    page.until(lambda: page.js(level) == "40", "40 is asked")
    page.js("window.release()")
    assert answered(page) != before
    assert f"was {before}" in page.text("#was")
    count = page.counted("asked")
    page.driver.back()
    page.until(lambda: page.counted("asked") > count, "the earlier question is asked")
    assert answered(page) == before
    assert page.js("return location.href") == there


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
            press(page, "#any-gpu")
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
    page.click("#panel > summary")
    assert page.find("#ask").is_displayed()
    change(page, "ttft", "900")
    assert "TTFT p95 ≤ 900 ms" in page.text("#question")


def test_the_keyboard_goes_round_the_tabs_and_the_address_has_them(page: Browser, address: str) -> None:
    page.js("document.getElementById('to-answer').focus()")
    page.keys(ARROW_RIGHT)
    assert page.js("return document.activeElement.id") == "to-load"
    assert page.js("return location.hash") == "#load"
    assert page.find("#tab-load").is_displayed()
    assert not page.find("#tab-answer").is_displayed()
    page.keys(ARROW_LEFT)
    assert page.js("return location.hash") == ""
    page.open(f"{address}#files")
    page.driver.refresh()
    page.until(lambda: page.text("#asks").startswith("quantadvise recommend"), "the command is there")


def test_a_slider_moves_the_field_and_the_answer(page: Browser) -> None:
    slider = page.find("[data-slides=level]")
    # Where nothing is typed it stands at what holds.
    assert slider.get_attribute("aria-valuetext") == "1"
    place = int(slider.get_attribute("value"))
    page.js("arguments[0].focus()", slider)
    for _ in range(20):
        page.keys(ARROW_RIGHT)
    answered(page)
    assert int(slider.get_attribute("value")) == place + 20
    typed = page.find("#ask [name=level]").get_attribute("value")
    assert float(typed) > 5
    assert f"{typed} requests/s" in page.text("#question")
    # What is typed moves the slider.
    change(page, "level", "1000")
    assert slider.get_attribute("value") == "100"


def test_what_is_slid_is_one_step_back(page: Browser) -> None:
    before, there = title(page), page.js("return location.href")
    page.js(HOLD)
    page.js("document.querySelector('[data-slides=level]').focus()")
    level = "return new URLSearchParams(location.search).get('level')"
    for _ in range(20):
        page.keys(ARROW_RIGHT)
        # Each is asked before the next: without the rule each were a step.
        slid = page.find("#ask [name=level]").get_attribute("value")
        page.until(lambda now=slid: page.js(level) == now, "it is asked")  # type: ignore[misc]
    page.js("window.release()")
    answered(page)
    asked = page.counted("asked")
    page.driver.back()
    page.until(lambda: page.counted("asked") > asked, "the earlier question is asked")
    assert answered(page) == before
    assert page.js("return location.href") == there


def test_a_slider_of_clients_gets_off_the_first(page: Browser) -> None:
    """Whole clients are rounded: a key must move it though the number stays for a while."""
    change(page, "load", "concurrency")
    change(page, "level", "1")
    page.js("document.querySelector('[data-slides=level]').focus()")
    for _ in range(12):
        page.keys(ARROW_RIGHT)
        answered(page)
    assert float(page.find("#ask [name=level]").get_attribute("value")) > 1


def test_the_load_story_goes_along_another_axis_too(page: Browser) -> None:
    look(page, "load", ".chart svg")
    along = page.find("#along")
    page.js("arguments[0].value = 'input-tokens'", along)
    page.js("arguments[0].dispatchEvent(new Event('change', {bubbles: true}))", along)
    page.until(lambda: "prompt tokens" in page.text("#part-load h2"), "it goes along the prompts")
    page.until(lambda: not page.all("#part-load.stale"), "all of it")
    assert "512 prompt tokens" in page.text("#load-says")
    # A level of it, clicked, is asked for.
    asked = page.counted("asked")
    page.click("[data-chart=load-tpot] svg")
    assert page.counted("asked") > asked
    assert page.find("#ask [name=input]").get_attribute("value") != ""
    answered(page)


def test_the_axis_of_the_load_story_is_in_the_address(page: Browser, address: str) -> None:
    page.open(f"{address}?model=Llama-3.1-8B-Instruct&workload=chat&gpu=L40S&over=output-tokens#load")
    page.driver.refresh()
    page.until(lambda: "answer tokens" in page.text("#part-load"), "it goes along the answers")
    assert page.find("#along").get_attribute("value") == "output-tokens"
    change(page, "level", "3")
    assert "over=output-tokens" in page.js("return location.search")
    # What cannot be varied is told, as everything in an address is.
    page.open(f"{address}?model=Llama-3.1-8B-Instruct&workload=chat&gpu=L40S&over=colour#load")
    page.driver.refresh()
    page.until(lambda: "'colour'" in page.text("#part-load"), "it is told")


PASTE = """const data = new DataTransfer();
    data.setData("text", arguments[0]);
    const event = new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true});
    return document.querySelector(arguments[1]).dispatchEvent(event);"""


def test_a_profile_of_several_lines_is_read_wherever_it_is_pasted(page: Browser) -> None:
    mine = "# of ours\nextends: chat\ninput_tokens: 700\nload: {requests_per_s: 5}\n"
    for count, place in enumerate(("body", "#ask [name=model]"), start=1):
        assert page.js(PASTE, mine, place) is False
        page.until(lambda n=count: len(page.all("#dropped li")) == n, "it is told")  # type: ignore[misc]
        assert "workload pasted" in page.text("#dropped li")
        answered(page)
        assert page.text("h1") == "Llama-3.1-8B-Instruct for pasted"
        assert "prompt 700" in page.text("#question")
        press(page, "#again")
    # One line is what a field takes.
    assert page.js(PASTE, "Llama-3.1-8B-Instruct", "#ask [name=model]") is True


def test_the_first_answer_is_there_before_it_is_asked_for(page: Browser) -> None:
    """The command answers its first question as it starts, and the page asks the same."""
    said = dict(page.js("return [...new URLSearchParams(location.search)]")) or page.js(
        "return Object.fromEntries(new URLSearchParams(performance.getEntriesByType('resource')"
        ".find((one) => one.name.includes('api/answer')).name.split('?')[1]))"
    )
    assert question_key(said) == question_key(FIRST)


def test_a_price_slides_until_the_choice_changes(page: Browser) -> None:
    look(page, "prices", "[data-slides]")
    before = title(page)
    settled(page)
    page.js("""document.querySelector("[data-slides='price:L40S']").focus()""")
    for _ in range(50):
        page.keys(ARROW_LEFT)
    assert "L40S" in answered(page)
    assert title(page) != before
    assert (
        float(gpu_row(page, "L40S").find_element("css selector", "[name=price]").get_attribute("value")) < 0.5
    )
    settled(page)
    assert page.js("return document.activeElement.dataset.slides") == "price:L40S"
    # Its range stays what it was, and it where it was put.
    slider = page.find("[data-slides='price:L40S']")
    assert slider.get_attribute("value") == "0"
    assert float(slider.get_attribute("data-low")) < 0.5


def test_pinned_answers_stand_side_by_side_and_in_the_address(page: Browser) -> None:
    page.click("#pin")
    assert page.find("#pin").get_attribute("aria-pressed") == "true"
    change(page, "level", "40")
    look(page, "compare", "th[scope=col]")
    page.until(lambda: len(page.all("#part-compare th[scope=col]")) == 2, "both are there")
    cost = page.texts("#part-compare tbody tr:first-child td")
    assert len(cost) == 2
    assert "+" in cost[1]
    assert "level 40" in page.text("#part-compare thead")
    there = page.js("return location.href")
    page.open(there)
    page.until(lambda: page.counted("settled") >= 1, "the answer is there")
    page.until(lambda: len(page.all("#part-compare th[scope=col]")) == 2, "both are there again")
    assert page.texts("#part-compare tbody tr:first-child td") == cost
    page.click("#part-compare button")
    page.until(lambda: len(page.all("#part-compare th[scope=col]")) == 1, "the pin is gone")
    assert "pin=" not in page.js("return location.href")


def dropped(page: Browser, *files: Path) -> None:
    """As a person drops them on the page."""
    page.click("[data-tab=files]")
    page.find("#drop").send_keys("\n".join(map(str, files)))


def test_files_of_ones_own_become_part_of_the_question(page: Browser, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: chat\nname: <b>mine</b>\ninput_tokens: 700\n")
    dropped(page, mine)
    page.until(lambda: "<b>mine</b>" in page.text("h1"), "the workload is asked for")
    assert "prompt 700" in page.text("#question")
    gpu = tmp_path / "gpu.yaml"
    gpu.write_text("name: My-H100\nlike: H100-SXM\nmemory_bandwidth_gb_s: 3000\nusd_per_hour: 0.05\n")
    dropped(page, gpu)
    page.until(lambda: "5 GPUs" in page.text("#question"), "the GPU is ticked")
    assert gpu_row(page, "My-H100").find_element("css selector", "[name=gpu]").is_selected()
    results = DATA / "vllm_bench" / "rate.json"
    dropped(page, results)
    page.until(lambda: "measured: rate.json" in page.text("#part-compare"), "the figures are there")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("extends: /etc/passwd\n")
    dropped(page, wrong)
    page.until(lambda: "opens no file" in page.text("#dropped"), "the reason is told")


def test_what_is_taken_away_is_saved(page: Browser, tmp_path: Path) -> None:
    page.cdp("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.click("[data-tab=files]")
    for what, name in (("document", "recommendation.json"), ("folder", "deployment.zip")):
        page.click(f"[data-save={what}]")
        # The browser takes the name first and fills it at once, by renaming.
        page.until(lambda f=tmp_path / name: f.exists() and f.stat().st_size, f"{name} is there")  # type: ignore[misc]
    with zipfile.ZipFile(tmp_path / "deployment.zip") as found:
        assert "deployment/serve.sh" in found.namelist()
    assert json.loads((tmp_path / "recommendation.json").read_text(encoding="utf-8"))["ranked"]


def test_everything_else_that_can_be_said_is_there_and_moves_the_answer(page: Browser) -> None:
    page.click("#more > summary")
    change(page, "num_gpus", "4")
    assert "4" in title(page)
    before = page.counted("answered")
    page.put(page.find("#ask [name=num_gpus]"), "four")
    message = page.find("#message")
    page.until(lambda: message.is_displayed() and "whole number" in message.text, "it is told")
    assert page.js("return arguments[0].closest('[data-field]').dataset.field", message) == "num_gpus"
    assert page.counted("answered") == before


def test_kinds_of_gpu_may_be_mixed_and_the_answer_says_what_that_saves(page: Browser) -> None:
    change(page, "load", "rate")
    change(page, "level", "40")
    settled(page)
    assert not page.find("#part-mix").is_displayed()
    change(page, "mixed", "yes")
    settled(page)
    said = page.text("#mix-says")
    assert "mix" in said.lower()
    assert "USD/h" in said
    page.click("#to-mix")
    assert page.js("return location.hash") == "#mixed"
    page.until(lambda: said in page.text("#part-mixed"), "the whole of it is there")
    look(page, "files", "#asks")
    page.until(lambda: page.text("#asks").endswith("--allow-mixed"), "the command has it")


def test_the_first_screen_is_short(page: Browser) -> None:
    page.resize(1440, 900)
    page.driver.refresh()
    page.until(lambda: page.counted("settled") >= 1, "the answer is there")
    words = page.words("#answered")
    assert 40 < len(words) <= 120, " ".join(words)


def test_two_windows_do_not_answer_for_each_other(page: Browser, address: str) -> None:
    mine = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    try:
        page.open(f"{address}?model=Qwen2.5-7B-Instruct&workload=rag&gpu=L40S")
        page.until(lambda: page.counted("settled") >= 1, "the other window has its answer")
        assert page.text("h1") == "Qwen2.5-7B-Instruct for rag"
    finally:
        page.driver.close()
        page.driver.switch_to.window(mine)
    change(page, "level", "5")
    settled(page)
    assert page.text("h1") == "Llama-3.1-8B-Instruct for chat"
    assert "5 requests/s" in page.text("#question")


@pytest.mark.parametrize("tab", ["answer", "load", "ranking", "prices", "mixed", "next", "compare", "files"])
def test_no_tab_scrolls_sideways_on_a_phone(page: Browser, address: str, tab: str) -> None:
    page.resize(390, 844, phone=True)
    page.open(f"{address}#{tab}")
    page.driver.refresh()
    page.until(lambda: page.counted("settled") >= 1, "the answer is there")
    assert page.find(f"#tab-{tab}").is_displayed()
    assert page.js("return document.documentElement.scrollWidth") <= 390
