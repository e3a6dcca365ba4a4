"""A run as text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from advisor.measure.ledger_to_records import Records
from advisor.measure.plan_and_results_as_text import records_line, speed_table
from tests.record.build import speed

ROW = replace(
    speed(load="concurrency", load_value=4.0, metric="ttft_ms", value=50.0, stderr=2.0, half_width=None),
    requests=40,
    repeats=3,
    conditions="vllm serve --seed 0; 40 requests x 3",
)


def cells(line: str) -> list[str]:
    return [cell for cell in line.split("  ") if cell]


def test_a_point_is_a_line_with_units_and_intervals() -> None:
    # 2.920 (Student's t of three repeats) x 2.0
    tail = replace(ROW, statistic="p95", value=80.0)
    head, line = speed_table([ROW, tail], tails=False).text.splitlines()
    assert "TTFT mean, ms  p50  p95  p99" in head
    assert [cell.strip() for cell in cells(line)][:8] == [
        "bf16", "1", "concurrency 4", "3 × 40", "50 ± 5.8", "-", "80", "-",
    ]  # fmt: skip


def test_a_percentile_has_its_error_where_there_is_room() -> None:
    tail = replace(ROW, statistic="p95", value=80.0, stderr=3.0)
    assert "80 ± 8.8" in speed_table([ROW, tail]).text
    assert "80 ± 8.8" not in speed_table([ROW, tail], tails=False).text


def test_lines_go_from_the_lightest_load_to_the_heaviest() -> None:
    rows = [
        replace(ROW, load="maximum", load_value=None),
        replace(ROW, load="concurrency", load_value=16.0),
        replace(ROW, load="rate", load_value=0.5),
        ROW,
        replace(ROW, load="single", load_value=None),
    ]
    named = [cells(line)[2].strip() for line in speed_table(rows).text.splitlines()[1:]]
    assert named == ["concurrency 1", "concurrency 4", "concurrency 16", "0.5 requests/s", "maximum"]


def test_the_same_load_with_other_settings_is_another_line() -> None:
    other = replace(ROW, value=90.0, conditions="vllm serve --seed 0 --enforce-eager; 40 requests x 3")
    _, one, two = speed_table([ROW, other]).text.splitlines()
    assert one.endswith("vllm serve --seed 0")
    assert two.endswith("vllm serve --seed 0 --enforce-eager")
    assert "50 ± 5.8" in one
    assert "90 ± 5.8" in two


def test_other_formats_with_the_same_settings_name_none() -> None:
    lines = speed_table([ROW, replace(ROW, format="int4")]).text.splitlines()
    assert not any("vllm serve" in line for line in lines)


def test_loads_are_named_as_in_a_plan() -> None:
    rows = [
        replace(ROW, load="single", load_value=None),
        replace(ROW, load="rate", load_value=2.5),
        replace(ROW, load="maximum", load_value=None, metric="requests_per_s"),
    ]
    named = [cells(line)[2].strip() for line in speed_table(rows).text.splitlines()[1:]]
    assert named == ["concurrency 1", "2.5 requests/s", "maximum"]


def test_how_many_records_there_are() -> None:
    found = Records(speed=(ROW,), quality=(), failures=())
    assert records_line(found, Path("run")) == "1 speed, 0 quality and 0 failure records in run/records"
