"""The table of an answer."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from rich.console import Console
from rich.table import Table

from advisor.cost.estimate_with_interval import Estimate
from advisor.report.documents.csv_rows import recommendation_rows
from advisor.report.terminal.ranking_tables import estimates_table, nearly_table, ranking_table, shown_rows
from advisor.spec.workloads.workload import Arrival
from tests.advise.builders import around, assessed, deployment, prediction, workload
from tests.golden_text import check_text
from tests.report.builders import answer, limited, recommendation, three


def text(table: Table, width: int = 10_000) -> str:
    console = Console(width=width, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def test_the_whole_table(regenerate: bool) -> None:
    check_text("table.txt", text(ranking_table(three(), top=10)), regenerate=regenerate)


@pytest.mark.parametrize("width", [200, 10_000])
def test_no_figure_is_cut(width: int) -> None:
    assert "…" not in text(ranking_table(three(), top=10), width)


def test_a_narrow_terminal_wraps_and_loses_nothing() -> None:
    narrow = "".join(text(ranking_table(three(), top=10), 70).split())
    assert "…" not in narrow
    assert "0.217" in narrow


def test_only_the_best_of_each_format_on_each_gpu_is_shown() -> None:
    twice = recommendation(
        answer("int4", 4.0, 0.98),
        assessed(prediction(deployment(fmt="int4", tensor_parallel=2), under=limited(),
                            latency_ms={("ttft", "p95"): around(100.0)}), limited()),
        answer("int8", 3.0, 0.99),
    )  # fmt: skip
    assert [a.deployment.format.name for _, a in shown_rows(twice.ranked, 10)] == ["int4", "int8"]


def test_a_column_of_which_nothing_is_known_is_left_out() -> None:
    bare = recommendation(answer("int4", 4.0, 0.98))
    assert bare.ranked[0].prediction is not None
    unmeasured = replace(bare.ranked[0].prediction, recovery=None)
    without = replace(bare.ranked[0], cost=None, predicted=lambda: unmeasured)
    head = text(ranking_table(replace(bare, ranked=(without,)), top=10))
    assert "USD" not in head
    assert "recovery" not in head


def test_all_at_once_has_no_latency_columns() -> None:
    asked = workload(arrival=Arrival(kind="maximum"))
    one = assessed(prediction(under=asked), asked)
    head = text(ranking_table(replace(three(), workload=asked, ranked=(one,)), top=10))
    assert "TTFT" not in head
    assert "requests" in head


def test_weights_that_are_only_unpacked_are_told() -> None:
    # Ampere has no FP8: the checkpoint runs weight-only.
    table = ranking_table(recommendation(answer("fp8", 4.0, 0.99)), top=10)
    assert "(unpacked to 16 bits to multiply)" in text(table)


def test_the_nearly_kept_are_told_with_what_they_miss() -> None:
    # 290 (261-319) ms: 300 ms holds with 72 %.
    table = nearly_table(recommendation(answer("fp8", 4.0, 0.99, ttft_p95_ms=290.0)), top=5)
    assert "TTFT p95 <= 300 ms: kept with 76 %" in text(table)


def test_every_estimate_of_one_deployment(regenerate: bool) -> None:
    check_text("estimates.txt", text(estimates_table(answer("int4", 4.0, 0.98))), regenerate=regenerate)


def test_rows_for_csv_have_one_column_per_figure() -> None:
    first = recommendation_rows(three())[0]
    assert first["rank"] == 1
    assert first["recovery_low"] == 0.97
    assert first["serve"] == (
        "vllm serve hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4 --max-model-len 768"
    )
    assert list(first)[:9] == [
        "rank", "model", "format", "kv_format", "gpu", "num_gpus", "tensor_parallel", "replicas", "engine",
    ]  # fmt: skip


def test_what_was_asked_is_no_estimate() -> None:
    """An open loop serves what comes: its rate has no interval, and neither has what that costs."""
    asked = workload(arrival=Arrival(kind="rate", value=4.0))
    found = prediction(under=asked)
    four = Estimate(value=4.0, low=4.0, high=4.0, basis="fitted")
    shown = text(estimates_table(assessed(replace(found, requests_per_s=four), asked)))
    assert re.search(r"requests per s +4 +– +as asked", shown)
    assert re.search(r"capacity, requests per s +\S+ +\S+–\S+ +fitted", shown)
