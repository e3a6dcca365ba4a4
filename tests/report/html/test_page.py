"""The report as a file: what is in it, and what is not."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from advisor import load_workload, recommend
from advisor.advise.api import choice_of, shipped_predictor, shipped_quality
from advisor.advise.certainty_and_sensitivity import decision
from advisor.advise.choose.certainty_frontier import Offer, Pick
from advisor.advise.choose.recommendation import Recommendation, choose
from advisor.advise.sensitivity.best_along_load import along_load
from advisor.advise.sensitivity.crossover import apart
from advisor.display_text import chance, number
from advisor.report.documents.recommendation_document import recommendation_document
from advisor.report.html.certainty_badge import badge_of
from advisor.report.html.charts.best_along_load import load_chart
from advisor.report.html.charts.cost_of_certainty import certainty_chart
from advisor.report.html.charts.mark_labels import format_names
from advisor.report.html.charts.own_or_api import own_or_api_chart
from advisor.report.html.charts.tradeoff import tradeoff_chart
from advisor.report.html.downloads import folder_zip, rows_text
from advisor.report.html.elements.markup import command_text, prose
from advisor.report.html.elements.shown_quantities import quantities
from advisor.report.html.page import DOCUMENT_ROWS, Findings, report_body, report_page
from advisor.report.html.tables.ranking import MOST_ROWS
from advisor.report.terminal.certainty_and_sensitivity_words import change_lines, sure_lines
from advisor.report.terminal.change_point_words import flip_rows
from advisor.spec.workloads.profile_flags import override
from tests.command import Command
from tests.report.builders import three
from tests.report.page import Element, read_page
from tests.spec.build_models import llama_config

MOST_BYTES = 1_500_000


def findings(answer: Recommendation) -> Findings:
    along = along_load(answer, shipped_predictor(), shipped_quality())
    return Findings(recommendation=answer, along=along)


def everything(
    gpus: list[str] | None, *, model: str = "Llama-3.1-8B-Instruct", profile: str = "chat", **flags: Any
) -> Findings:
    """As the command makes it."""
    workload = override(load_workload(profile), **flags)
    choice = choice_of(model, workload, gpus=gpus)
    answer = choose(choice, shipped_predictor(), shipped_quality())
    return replace(findings(answer), decision=decision(answer))


def ask(gpus: list[str] | None = None, **flags: Any) -> Recommendation:
    workload = override(load_workload("chat"), **flags)
    return recommend("Llama-3.1-8B-Instruct", workload, gpus=gpus)


def ok(command: Command, *arguments: object) -> None:
    done = command(*arguments)
    assert done.code == 0, done.err


def fails(command: Command, *arguments: object) -> str:
    """What a wrong question is told, in one line."""
    done = command(*arguments)
    assert (done.code, done.out) == (1, "")
    [line] = done.err.splitlines()
    return line.removeprefix("quantadvise: ")


@pytest.fixture(scope="module")
def found() -> Findings:
    return everything(["A6000", "L40S", "H100"], rate=8.0, min_recovery=0.97)


@pytest.fixture(scope="module")
def answer(found: Findings) -> Recommendation:
    return found.recommendation


@pytest.fixture(scope="module")
def text(found: Findings) -> str:
    return report_page(found)


@pytest.fixture(scope="module")
def page(text: str) -> Element:
    return read_page(text)


def test_nothing_in_it_is_fetched(page: Element) -> None:
    for element in page.walk():
        for name in ("src", "href", "srcset", "poster", "data", "action", "background"):
            value = element.attributes.get(name, "")
            if element.name == "a":
                continue
            assert value == "" or value.startswith("data:"), f"<{element.name} {name}={value[:60]!r}>"
    [style] = page.all("style")
    assert "@import" not in style.text
    assert "url(" not in style.text
    policy = page.where("http-equiv")[0].attributes["content"]
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    assert "unsafe" not in policy


def test_the_policy_lets_run_what_is_in_it_and_nothing_else(page: Element) -> None:
    policy = page.where("http-equiv")[0].attributes["content"]
    running = [s for s in page.all("script") if "type" not in s.attributes]
    for element in (*running, *page.all("style")):
        digest = base64.b64encode(hashlib.sha256(element.text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.count("sha256-") == len(running) + 1
    for element in page.walk():
        assert not [name for name in element.attributes if name.startswith("on") or name == "style"]


def test_it_weighs_less_than_a_megabyte_and_a_half_even_with_every_gpu() -> None:
    widest = ask(rate=2.0)
    assert len(widest.ranked) > 400
    assert len(report_page(findings(widest)).encode()) < MOST_BYTES


def test_figures_are_those_of_the_document(answer: Recommendation, page: Element) -> None:
    document = recommendation_document(answer, top=None)
    names = [q.key for q in quantities(answer.workload, answer.model)]
    rows = page.by_id("ranking").where("class", "row")
    assert len(rows) >= 30
    compared = 0
    for row in rows:
        cells = row.all("tr")[0].children
        place = int(cells[0].attributes["data-v"])
        said = document["ranked"][place - 1]["estimates"]
        for name, cell in zip(names, cells[2:-1], strict=True):
            if "data-v" not in cell.attributes:
                assert said.get(name) is None
                continue
            unit = {"recovery": 100.0}.get(name, 0.001 if name.startswith("e2e") else 1.0)
            assert float(cell.attributes["data-v"]) == pytest.approx(said[name]["value"] * unit, rel=1e-12)
            compared += 1
    assert compared > 150


def test_the_document_is_in_it(found: Findings, page: Element) -> None:
    inside = json.loads(page.by_id("document").text)
    document = recommendation_document(found.recommendation, top=DOCUMENT_ROWS, decision=found.decision)
    assert inside == json.loads(json.dumps(document))


def test_how_sure_it_is_is_what_the_decision_says(found: Findings, page: Element) -> None:
    assert found.decision is not None
    sure = found.decision.sure
    assert sure is not None
    bars = page.by_id("sure").where("class", "chances")[0].all("li")
    told = [*(kept.probability for kept in sure.limits), sure.keeps_all, sure.best]
    assert len(bars) == len(told)
    for bar, probability in zip(bars, told, strict=True):
        [part] = bar.where("class", "part")
        assert float(part.attributes["width"]) == pytest.approx(100 * probability, abs=0.051)
        assert chance(probability) in bar.text
    for line in (
        *sure_lines(found.recommendation, found.decision),
        *change_lines(found.recommendation, found.decision),
    ):
        assert line in page.by_id("sure").text


def test_the_band_of_the_load_is_the_crossover(found: Findings) -> None:
    assert found.along is not None
    crossover = found.along.crossover
    assert crossover.crossings
    chart = load_chart(found.along, found.recommendation.workload)
    assert chart is not None
    strip = chart.sets["stretches"]
    named = [s.best.format.name if s.best else "none" for s in crossover.stretches]
    assert [row["format"] for row in strip] == named
    # The sentence and the band say the same levels.
    assert [row["x2"] for row in strip][:-1] == [c.level for c in crossover.crossings]
    assert crossover.here is not None
    at = crossover.stretches.index(crossover.at(crossover.here))
    for crossing in crossover.crossings[max(0, at - 1) : at + 1]:
        assert number(crossing.level) in chart.says
    # No gaps, from the first level to the last.
    assert [row["x2"] for row in strip][:-1] == [row["x"] for row in strip][1:]
    assert (strip[0]["x"], strip[-1]["x2"]) == (crossover.axis.levels[0], crossover.axis.levels[-1])
    assert load_chart(None, found.recommendation.workload) is None


def test_what_the_band_cannot_tell_apart_is_pale_and_named_together(found: Findings) -> None:
    assert found.along is not None
    crossover = found.along.crossover
    chart = load_chart(found.along, found.recommendation.workload)
    assert chart is not None
    zones, changes = apart(crossover.stretches, crossover.crossings, bills=False)
    assert 1 < len(zones) < len(crossover.stretches)
    assert [row["x2"] for row in chart.sets["zones"]][:-1] == [change.level for change in changes]
    for row in chart.sets["stretches"]:
        [zone] = [zone for zone in chart.sets["zones"] if zone["x"] <= row["x"] and row["x2"] <= zone["x2"]]
        undecided = " or " in str(zone["label"])
        assert (row["shade"] < 1) is undecided
        if row["format"] != "none":
            assert str(row["format"]) in str(zone["short"]).split(" or ")


def test_a_format_is_named_where_there_is_room_and_the_first_always(found: Findings) -> None:
    chart = tradeoff_chart(found.recommendation)
    assert chart is not None
    rows = [*chart.sets["points"], *chart.sets["others"]]
    names = chart.sets["names"]
    formats = [row["format"] for row in names]
    winner = found.recommendation.winner
    assert winner is not None
    assert winner.deployment.format.name in formats
    assert len(set(formats)) == len(formats) > 1
    for name in names:
        own = [row["x"] for row in rows if row["format"] == name["format"]]
        is_winner = name["format"] == winner.deployment.format.name
        assert name["x"] == (chart.sets["first"][0]["x"] if is_winner else min(own))  # type: ignore[type-var]


def test_names_never_touch_a_mark_or_one_another() -> None:
    apart_ = [{"format": f, "place": n, "x": 1.0 * n, "y": 90.0 + n} for n, f in enumerate("abcd", start=1)]
    assert [row["format"] for row in format_names(apart_)] == ["a", "b", "c", "d"]
    # All at one place: the first of the ranking alone is named.
    heap = [{"format": f, "place": n, "x": 1.0, "y": 99.0} for n, f in enumerate("abcd", start=1)]
    assert [row["format"] for row in format_names(heap)] == ["a"]
    # Between two marks there is no room on either side.
    row = [{"format": f, "place": n, "x": 1.0 + n / 20, "y": 99.0} for n, f in enumerate("abc", start=1)]
    row.append({"format": "d", "place": 4, "x": 9.0, "y": 90.0})
    assert [one["format"] for one in format_names(row)] == ["a", "c", "d"]
    assert format_names([]) == []


def test_a_page_carries_what_is_taken_away(found: Findings, page: Element) -> None:
    rows = json.loads(page.by_id("rows").text)["gzip"]
    text = gzip.decompress(base64.b64decode(rows)).decode()
    assert text == rows_text(found.recommendation, MOST_ROWS)
    folder = json.loads(page.by_id("folder").text)["base64"]
    assert folder == folder_zip(found.recommendation)
    buttons = {e.attributes["data-save"] for e in page.by_id("answer").where("data-save")}
    assert buttons == {"document", "rows", "folder"}


def test_where_nothing_keeps_the_limits_there_is_the_document_alone() -> None:
    nothing = Findings(recommendation=ask(["A6000"], rate=2.0, slo=["ttft_p95_ms=1"]))
    page = read_page(report_page(nothing))
    assert [e.attributes["data-save"] for e in page.where("data-save")] == ["document"]
    assert page.where("id", "rows") == []


def test_a_flag_and_a_number_with_its_unit_never_break() -> None:
    assert prose("add --output csv: 80 % <") == ('add <span class="flag">--output</span> csv: 80\u00a0% &lt;')
    assert command_text("vllm serve a/b-c --max-model-len 4") == (
        'vllm serve a/b-c <span class="flag">--max-model-len</span> 4'
    )


def test_the_picture_has_a_dot_for_each_deployment_and_the_confidence(answer: Recommendation) -> None:
    chart = certainty_chart(answer)
    assert chart is not None
    # Each has one mark, pick or not: an arrow key never stops twice at one point.
    dots = [*chart.sets["frontier"], *chart.sets["others"], *chart.sets["picks"]]
    tips = [str(row["tip"]).splitlines()[0] for row in dots]
    assert len(tips) == len(set(tips))
    assert [row["x"] for row in chart.sets["line"]] == [o.usd_per_hour for o in answer.frontier]
    assert chart.sets["asked"][0]["y"] == 100 * answer.workload.confidence
    # Refused deployments are there too.
    assert min(float(str(row["y"])) for row in dots) < 100 * answer.workload.confidence
    first = answer.picks[0].offer
    assert {"x": first.usd_per_hour, "text": "recommended"}.items() <= chart.sets["picks"][0].items()


@pytest.mark.parametrize(
    ("kept", "best", "surer", "word"),
    [
        (0.9, 0.85, None, "Sure"),
        (0.9, 0.79, None, "Close call"),
        (0.9, 0.5, 1.4, "Close call"),
        (0.9, 0.5, 1.6, "In doubt"),
        (0.7, 0.9, 1.6, "In doubt"),
    ],
)
def test_the_badge(kept: float, best: float, surer: float | None, word: str) -> None:
    """Sure: kept with the confidence asked and the best with 80 %; in doubt: surer costs over 1.5 times."""
    made = three()
    first = made.ranked[0]
    offer = Offer(deployment=first.deployment, usd_per_hour=1.0, keeps_all_limits=kept)
    picks = [Pick(role="recommended", offer=offer)]
    if surer is not None:
        picks.append(Pick(role="surer", offer=replace(offer, usd_per_hour=surer, keeps_all_limits=0.97)))
    ranked = (replace(first, keeps_all_limits=kept),)
    assert badge_of(replace(made, ranked=ranked, picks=tuple(picks)), best) == word


def test_the_first_screen_is_short(page: Element) -> None:
    """All but the folded and the tips: what a reader meets before the first chart of the rest."""
    first = page.by_id("question").text.split() + page.by_id("answer").text.split()
    table = page.by_id("answer").all("table")[0].text.split()
    keys = page.by_id("certainty-keys").text.split()
    assert len(first) - len(table) - len(keys) <= 120


def test_every_figure_of_the_answer_has_unit_interval_and_basis(page: Element) -> None:
    tiles = page.by_id("tiles").all("li")
    assert len(tiles) >= 6
    for tile in tiles:
        assert re.search(r"\d (ms|s|requests/s|USD|%)", tile.text), tile.text
        exact = "price and asked load" in tile.text
        assert exact or "90 %: " in tile.text, tile.text
        assert exact or re.search("measured|fitted|extrapolated|roofline", tile.text), tile.text


def test_every_chart_has_its_text(page: Element) -> None:
    charts = page.where("data-chart")
    assert {c.attributes["data-chart"] for c in charts} >= {"certainty", "tradeoff", "load", "load-ttft"}
    drawn = {chart["name"] for chart in json.loads(page.by_id("charts").text)}
    assert drawn == {c.attributes["data-chart"] for c in charts}
    for chart in charts:
        labels = [page.by_id(name).text for name in chart.attributes.get("aria-labelledby", "").split()]
        assert "".join(labels) or len(chart.attributes["aria-label"]) > 5
        for name in chart.attributes["aria-describedby"].split():
            assert len(page.by_id(name).text) > 10
    for figure in page.all("figure"):
        assert len(figure.all("table")) == 1
        assert len(figure.all("table")[0].all("tr")) > 1


def test_every_picture_is_hidden_from_readers_or_named(page: Element) -> None:
    for picture in page.all("svg"):
        assert picture.attributes.get("aria-hidden") == "true"
    for control in (*page.all("input"), *page.all("select")):
        assert "aria-label" in control.attributes or any(
            control in label.walk() for label in page.all("label")
        )


def test_ids_are_used_once(page: Element) -> None:
    ids = [element.attributes["id"] for element in page.where("id")]
    assert len(ids) == len(set(ids))


def test_names_that_people_give_stay_text() -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    made = three()
    named = replace(
        made,
        model=replace(made.model, name=evil),
        workload=replace(made.workload, name="<b>&\"'"),
        notes=(f"{evil} is not a published model",),
        ranked=tuple(
            replace(a, deployment=replace(a.deployment, model=replace(made.model, name=evil)))
            for a in made.ranked
        ),
    )
    page = read_page(report_page(Findings(recommendation=named)))
    assert page.all("img") == []
    assert page.all("b") == []
    assert len([s for s in page.all("script") if "type" not in s.attributes]) == 3
    assert json.loads(page.by_id("document").text)["model"]["name"] == evil
    assert evil in page.all("h1")[0].text


def test_a_folder_may_be_called_script(tmp_path: Path, quantadvise: Command) -> None:
    folder = tmp_path / "<script>alert(1)<"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(llama_config(torch_dtype="bfloat16")))
    target = tmp_path / "report.html"
    ok(quantadvise, "recommend", str(folder), "-w", "chat", "--gpu", "A6000", "--html", str(target))
    page = read_page(target.read_text(encoding="utf-8"))
    assert len([s for s in page.all("script") if "type" not in s.attributes]) == 3
    assert "<script>alert(1)<" in page.all("h1")[0].text


def test_the_same_question_gives_the_same_bytes() -> None:
    script = (
        "import hashlib, tests.report.html.test_page as t\n"
        "from advisor.report.html.page import report_body\n"
        "body = report_body(t.findings(t.ask(['L40S', 'H100'], rate=8.0)))\n"
        "print(hashlib.sha256((body.html + repr([c.payload for c in body.charts])).encode()).hexdigest())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


@pytest.mark.parametrize(
    "flags",
    [
        {"single": True, "slo": ["none"]},
        {"concurrency": 32.0},
        {"maximum": True, "slo": ["none"], "objective": "throughput"},
        {"rate": 3.0, "objective": "latency"},
        {"rate": 3.0, "objective": "accuracy", "goodput": "ttft:800 tpot:60", "slo": ["none"]},
    ],
)
def test_every_kind_of_load_and_aim_has_its_page(flags: dict[str, Any]) -> None:
    answer = ask(["L40S", "H100"], **flags)
    body = report_body(findings(answer))
    names = {chart.name for chart in body.charts}
    assert "load" in names
    assert "tradeoff" in names
    # Without limits everything keeps them: there is nothing that a surer answer could cost.
    assert ("certainty" in names) == bool(answer.table is not None and answer.table.uncertain)
    for chart in body.charts:
        for drawing in chart.payload:
            assert any(len(rows) for rows in drawing["sets"].values())
        json.dumps(chart.payload, allow_nan=False)
    read_page(f"<main>{body.html}</main>")


def test_where_nothing_keeps_the_limits_the_page_says_so() -> None:
    answer = ask(["A6000"], rate=2.0, slo=["ttft_p95_ms=1"])
    assert not answer.ranked
    page = read_page(report_page(findings(answer)))
    assert "Nothing keeps the limits with 80 %" in page.by_id("answer").text
    assert "Closest is" in page.by_id("answer").text
    assert len(page.by_id("refused").where("class", "row")) == len(answer.refused)


def test_without_the_extra_one_line_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, quantadvise: Command, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    target = tmp_path / "report.html"
    said = fails(quantadvise, "recommend", "Llama-3.1-8B-Instruct", "-w", "chat", "--html", str(target))
    assert said == "vl-convert-python is not installed; pip install 'quantadvise[report]'"
    assert not target.exists()


def test_an_earlier_report_is_replaced_and_nothing_else(tmp_path: Path, quantadvise: Command) -> None:
    ask_for = ("recommend", "Llama-3.1-8B-Instruct", "-w", "docstring", "--gpu", "A100", "--html")
    target = tmp_path / "report.html"
    ok(quantadvise, *ask_for, str(target))
    ok(quantadvise, *ask_for, str(target))
    mine = tmp_path / "thesis.html"
    mine.write_text("<p>mine</p>")
    assert "exists and is not a report of quantadvise" in fails(quantadvise, *ask_for, str(mine))
    assert mine.read_text() == "<p>mine</p>"
    ok(quantadvise, *ask_for, str(mine), "--overwrite")
    assert "quantadvise" in mine.read_text(encoding="utf-8")
    assert "no such folder" in fails(quantadvise, *ask_for, str(tmp_path / "no" / "report.html"))
    assert "is a folder" in fails(quantadvise, *ask_for, str(tmp_path))


def test_assumptions_that_could_flip_the_choice_are_a_table_of_their_own(found: Findings) -> None:
    assert found.decision is not None
    explained = decision(found.recommendation, explain=True)
    page = read_page(report_page(replace(found, decision=explained)))
    flips = explained.flips
    assert flips
    assert explained.sure is not None
    rows = [[cell.text for cell in row.children] for row in page.by_id("flips").all("tbody")[0].all("tr")]
    assert rows == [list(row) for row in flip_rows(explained.sure.deployment, flips)]
    assert 'id="flips"' not in report_page(replace(found, decision=replace(explained, flips=None)))


def test_own_or_api_is_a_chart_and_a_table() -> None:
    found = everything(["L40S", "H100"], rate=8.0, api_price="0.05/0.08")
    assert found.decision is not None
    known = found.decision.own_or_api
    assert known is not None
    page = read_page(report_page(found))
    place = page.by_id("own-or-api")
    assert number(known.break_evens[0].requests_per_s) in page.by_id("own-or-api-says").text
    rows = place.all("tr")
    assert len(rows) == 1 + len(known.break_evens) + len(known.points)
    chart = own_or_api_chart(known)
    assert chart is not None
    assert [row["y"] for row in chart.sets["own"]] == [p.own_usd_per_day for p in known.points]
    assert own_or_api_chart(None) is None


def test_without_a_price_of_an_api_there_is_no_such_chart(page: Element) -> None:
    assert not page.where("id", "own-or-api")
