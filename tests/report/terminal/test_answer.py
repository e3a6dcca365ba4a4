"""The answer for a person: whole texts at the widths people have, and what holds at every width."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor import decision, recommend
from advisor.advise.certainty_and_sensitivity import Decision
from advisor.advise.choose.assessment import Assessment, Refusal
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.estimate_with_interval import Estimate
from advisor.report.terminal.answer import _tightest, answer_lines, question_text
from advisor.report.terminal.text_table import Column, fitting_table
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import Arrival, Goodput, LatencyLimit, Quality, Workload
from tests.advise.builders import around, assessed, choice, deployment, prediction, workload
from tests.golden_text import check_text
from tests.report.builders import three

pytestmark = pytest.mark.usefixtures("frozen_fit")

WIDTHS = (80, 100, 120, 160)


@lru_cache
def answered(question: str) -> tuple[Recommendation, Decision]:
    if question == "chat":
        workload = override(load_workload("chat"), rate=8.0, min_recovery=0.97)
        found = recommend("Llama-3.1-8B-Instruct", workload, gpus=["A6000", "L40S", "H100"])
    elif question == "api":
        workload = override(load_workload("chat"), rate=8.0, min_recovery=0.97, api_price="0.05/0.08")
        found = recommend("Llama-3.1-8B-Instruct", workload, gpus=["A6000", "L40S", "H100"])
    elif question == "rag":
        found = recommend("Llama-3.3-70B-Instruct", "rag", gpus=["A100", "H100", "H200"])
    else:
        found = recommend("Qwen3-8B", override(load_workload("chat"), slo=["none"], single=True), gpus=["L4"])
    return found, decision(found)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_whole_answer(width: int, regenerate: bool) -> None:
    found, more = answered("chat")
    text = "\n".join(line.text for line in answer_lines(found, more, width=width))
    check_text(f"answer_{width}.txt", text, regenerate=regenerate)


@pytest.mark.parametrize("question", ["chat", "rag", "no limits", "api"])
@pytest.mark.parametrize("width", WIDTHS)
def test_an_answer_fits_a_screen(question: str, width: int) -> None:
    found, more = answered(question)
    lines = [line.text for line in answer_lines(found, more, width=width)]
    assert max(map(len, lines)) <= width
    if width >= 100:
        assert len(lines) <= 30
    first = found.winner
    assert first is not None
    assert first.deployment.format.name in lines[0]
    assert sum("vllm serve" in line for line in lines) == 1


def test_a_rate_that_takes_most_of_the_capacity_is_the_nearest_limit() -> None:
    """Latencies of a nearly full engine look well, and one that is a little slower keeps no limit."""
    limit = LatencyLimit(metric="ttft", statistic="mean", max_ms=1_000.0)
    asked = workload(limits=(limit,), arrival=Arrival(kind="rate", value=9.0))
    found = replace(
        prediction(deployment(), latency_ms={("ttft", "mean"): around(300.0)}),
        capacity_requests_per_s=around(10.0),
    )
    rows = [assessed(found, asked), assessed(replace(found, capacity_requests_per_s=around(90.0)), asked)]
    [column] = _tightest(rows, asked, narrow=False)
    assert column.cells == ["███████░   90 % of capacity", "██░░░░░░   30 % of TTFT mean"]


def test_every_limit_that_is_judged_may_be_the_nearest() -> None:
    """4 USD/h of the tests' A6000, and recovery 0.99 where 0.98 is asked for: half of the loss is taken."""
    found = replace(
        prediction(deployment(), latency_ms={("ttft", "mean"): around(300.0)}),
        recovery=Estimate(value=0.99, low=0.98, high=1.0, basis="measured"),
    )
    alone = workload()
    row = assessed(found, alone)
    assert row.cost is not None
    asked = replace(alone, quality=Quality(min_recovery=0.98))
    usd = row.cost.usd_per_hour

    def shown(of: Assessment, under: Workload, budget: float | None = None) -> list[str]:
        return [
            cell for column in _tightest([of], under, narrow=False, budget=budget) for cell in column.cells
        ]

    assert shown(row, alone) == []
    assert shown(row, asked) == []
    assert shown(row, alone, usd / 38.5) == ["████████ 3,850 % of budget"]
    assert shown(row, asked, 4 * usd) == ["████░░░░   50 % of accuracy loss"]
    # 512 + 256 tokens in a cache of 192.
    short = replace(found, memory=replace(found.memory, max_context=192))
    refused = replace(assessed(short, alone), refusals=(Refusal(kind="context", bound=768.0),))
    assert shown(refused, alone) == ["████████  400 % of KV cache"]


def test_goodput_alone_has_a_nearest_limit() -> None:
    asked = workload(goodput=Goodput(min_share=0.95, ttft_ms=500.0))
    row = assessed(prediction(deployment(), latency_ms={("ttft", "p95"): around(250.0)}), asked)
    [column] = _tightest([row], asked, narrow=False)
    assert column.cells == ["████░░░░   50 % of TTFT p95"]


def test_a_rate_without_other_limits_is_what_must_be_kept() -> None:
    found = three()
    asked = replace(found.workload, limits=())
    assert "2 requests/s; limit: serve 2 requests/s; cheapest first" in question_text(
        replace(found, workload=asked)
    )
    alone = override(asked, single=True)
    assert "one at a time; no limits; " in question_text(replace(found, workload=alone))


@pytest.mark.parametrize(
    ("typed", "usd", "said"),
    [
        ("100/month", 100 / 730, "budget 100/month (0.137 USD/h); cheapest first"),
        ("", 5.0, "TTFT p95 ≤ 300 ms; budget 5 USD/h; cheapest first"),
        ("", None, "TTFT p95 ≤ 300 ms; cheapest first"),
    ],
)
def test_a_budget_is_named_as_it_was_typed(typed: str, usd: float | None, said: str) -> None:
    found = three()
    asked = replace(choice(found.workload, [deployment()], max_usd_per_hour=usd), budget=typed)
    assert said in question_text(replace(found, choice=asked))


def test_where_no_limit_is_asked_none_is_said_to_be_kept() -> None:
    found, more = answered("no limits")
    assert "no limits asked" in answer_lines(found, more, width=120)[0].text


cells = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=12)


@settings(deadline=None)
@given(
    st.integers(1, 6).flatmap(
        lambda rows: st.lists(
            st.builds(
                Column,
                head=cells,
                cells=st.lists(cells, min_size=rows, max_size=rows),
                right=st.booleans(),
                keep=st.booleans(),
            ),
            min_size=1,
            max_size=6,
        )
    ),
    st.integers(10, 120),
)
def test_a_table_drops_columns_and_breaks_no_cell(columns: list[Column], width: int) -> None:
    lines = fitting_table(columns, width)
    kept = [column for column in columns if column.keep]
    needed = sum(column.width for column in kept) + 2 * max(len(kept) - 1, 0)
    assert all(len(line) <= max(width, needed) for line in lines)
    for row in range(len(columns[0].cells)):
        text = lines[len(lines) - len(columns[0].cells) + row]
        assert all(column.cells[row] in text for column in kept)
