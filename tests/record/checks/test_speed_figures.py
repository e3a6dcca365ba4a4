"""Speed rows that cannot be true, and how near to the truth a row may come and pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.record.checks.bounds import bounds
from advisor.record.checks.comparable_rows import Row, grouped, least, most, place, requests_per_s, setup
from advisor.record.checks.finding import Finding
from advisor.record.checks.monotonicity import check_neighbours
from advisor.record.checks.repeats import check_repeats
from advisor.record.checks.speed_figures import check_speed
from advisor.record.measurement import SpeedMeasurement
from advisor.record.store import Located
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from tests.record import build

FILE = Path("measurements/a.csv")
LLAMA = bounds(find_model("Llama-3.1-8B-Instruct"), find_format("bf16"), find_gpu("A6000"), 1)


def rows(*records: SpeedMeasurement, files: tuple[str, ...] = ()) -> list[Row]:
    """Records of one file from line 3 on, or each of its own file."""
    return [
        Located(record=record, file=Path(files[at]) if files else FILE, line=3 + at)
        for at, record in enumerate(records)
    ]


def said(findings: Any) -> list[tuple[int, str]]:
    return sorted((one.line, one.severity) for one in findings)


def limits(record: SpeedMeasurement) -> Any:
    return bounds(find_model(record.model), find_format(record.format), find_gpu(record.gpu), record.num_gpus)


def test_an_unknown_name_is_told_with_what_comes_near_and_nothing_else_is_asked_of_the_row() -> None:
    [found] = check_speed(rows(build.speed(model="Llama-3.1-8B-Instrct", value=3_100.0)))
    assert found.severity == "error"
    assert "Llama-3.1-8B-Instruct" in found.what
    assert found.remedy == "correct the name or add it to the catalog"


@pytest.mark.parametrize("version", ["-1", "999", "٣.1", "0.11.0; rm"])
def test_a_release_that_vllm_has_not_is_an_error(version: str) -> None:
    [found] = check_speed(rows(build.speed(engine_version=version)))
    assert found.severity == "error"
    assert version in found.what


@pytest.mark.parametrize(
    ("metric", "value"),
    [("ttft_ms", 0.5), ("tpot_ms", 0.1), ("itl_ms", 11_000.0), ("e2e_ms", 4.0), ("requests_per_s", 3_000.0),
     ("output_tokens_per_s", 600_000.0)],
)  # fmt: skip
def test_a_value_that_only_another_unit_explains(metric: str, value: float) -> None:
    found = list(check_speed(rows(build.speed(metric=metric, value=value, half_width=None))))
    assert any(one.remedy == "check the unit" and f"{metric} of {value:g}" in one.what for one in found)


@pytest.mark.parametrize("metric", ["tpot_ms", "itl_ms"])
def test_a_token_takes_at_least_one_reading_of_the_weights(metric: str) -> None:
    floor = LLAMA.decode_step_ms
    fast = build.speed(metric=metric, value=0.95 * floor, half_width=None)
    slow = build.speed(metric=metric, value=0.98 * floor, half_width=None)
    assert said(check_speed(rows(fast, slow))) == [(3, "error")]


def test_a_first_token_takes_at_least_the_prompts_arithmetic() -> None:
    floor = 4_096 * LLAMA.prefill_ms_per_token
    made = [
        build.speed(metric="ttft_ms", input_tokens=4_096.0, value=share * floor, half_width=None)
        for share in (0.9, 0.99)
    ]
    assert said(check_speed(rows(*made))) == [(3, "error")]


def test_what_is_printed_with_few_digits_is_judged_by_the_largest_value_it_may_be() -> None:
    # 2 users cannot have more than twice the rate of one alone
    rate = 2_000.0 / LLAMA.request_ms(256, 128)
    closed = {"load": "concurrency", "load_value": 2.0, "metric": "requests_per_s"}
    over = build.speed(**closed, value=1.2 * rate, half_width=None)
    coarse = build.speed(**closed, value=1.2 * rate, half_width=0.25 * rate)
    assert said(check_speed(rows(over))) == [(3, "error")]
    assert said(check_speed(rows(coarse))) == []


def test_a_row_that_says_that_it_is_doubtful_is_known() -> None:
    flagged = build.speed(metric="tpot_ms", value=0.5 * LLAMA.decode_step_ms, half_width=None, suspect="typo")
    assert said(check_speed(rows(flagged))) == [(3, "known")]


def test_a_rate_is_the_same_in_requests_and_in_tokens() -> None:
    requests = build.speed(metric="requests_per_s", value=2.0)
    assert requests_per_s(requests, 2.0) == 2.0
    assert requests_per_s(build.speed(metric="output_tokens_per_s"), 2 * 128.0) == 2.0
    assert requests_per_s(build.speed(metric="total_tokens_per_s"), 2 * (256.0 + 128.0)) == 2.0


@given(st.floats(1.0, 1e6), st.floats(0.0, 0.5))
def test_a_printed_value_lies_between_the_least_and_the_most_it_may_be(value: float, half: float) -> None:
    row = build.speed(value=value, half_width=half)
    assert least(row) <= row.value <= most(row)
    assert most(row) - least(row) == pytest.approx(2 * half, abs=1e-6)
    exact = build.speed(value=value, half_width=None)
    assert least(exact) == most(exact) == value


def test_only_rows_of_one_setup_are_compared() -> None:
    one = build.speed(conditions="--enforce-eager; quiet host")
    assert setup(one) == setup(build.speed(gpu="A100", num_gpus=4, input_tokens=99.0))
    for other in (
        {"model": "Qwen2.5-7B-Instruct"},
        {"format": "int4"},
        {"engine_version": "0.8.0"},
        {"conditions": "max_num_seqs=64"},
        {"metric": "ttft_ms"},
        {"statistic": "p99"},
    ):
        assert setup(build.speed(**other)) != setup(one)
    assert len(grouped(rows(one, one, build.speed(format="int4")), lambda r: (r.gpu,))) == 1


def test_a_line_of_another_file_is_named_with_it() -> None:
    here, there = rows(build.speed(), build.speed(), files=("a.csv", "b.csv"))
    assert place(here, here) == "line 3"
    assert place(there, here) == "line 4 of b.csv"


def test_repeats_of_one_day_may_differ_by_a_fifth() -> None:
    def twice(value: float, **more: Any) -> list[tuple[int, str]]:
        return said(check_repeats(rows(build.speed(value=3_000.0), build.speed(value=value, **more))))

    assert twice(3_600.0) == []
    assert twice(3_601.0) == [(3, "warning")]
    assert twice(6_000.0, conditions="max_num_seqs=64") == []  # another setting may do that
    assert twice(6_000.0, date="2026-01-01") == []  # another day, another machine


def test_three_figures_with_the_very_digits_of_another_gpu_were_pasted() -> None:
    def table(gpu: str, values: tuple[float, ...]) -> list[SpeedMeasurement]:
        return [build.speed(gpu=gpu, value=value, input_tokens=100.0 + at) for at, value in enumerate(values)]

    values = (3_123.4, 2_987.6, 4_019.8)
    pasted = list(check_repeats(rows(*table("A6000", values), *table("L40S", values))))
    assert len(pasted) == 6
    assert "as have 2 more figures" in pasted[0].what
    assert list(check_repeats(rows(*table("A6000", values[:2]), *table("L40S", values[:2])))) == []
    round_ones = (3_000.0, 2_900.0, 4_100.0)  # two digits agree by chance
    assert list(check_repeats(rows(*table("A6000", round_ones), *table("L40S", round_ones)))) == []


def closed_loop(rate: float) -> list[Row]:
    """A run of 16 users whose requests take 1,000 ms: 16 requests a second, 2,048 tokens."""
    run = {"load": "concurrency", "load_value": 16.0, "half_width": None}
    return rows(
        build.speed(metric="output_tokens_per_s", value=rate, **run),
        build.speed(metric="ttft_ms", value=111.0, **run),
        build.speed(metric="tpot_ms", value=7.0, **run),  # 111 + 127 × 7 = 1,000
    )


@pytest.mark.parametrize(
    ("rate", "severities"),
    [(2_048.0, []), (2_300.0, []), (2_400.0, ["error"]), (1_100.0, []), (1_000.0, ["warning"])],
)
def test_rate_times_latency_is_the_number_in_flight(rate: float, severities: list[str]) -> None:
    assert [one.severity for one in check_repeats(closed_loop(rate))] == severities


def neighbours(*records: SpeedMeasurement) -> list[Finding]:
    return list(check_neighbours(rows(*records), limits))


def test_more_tokens_take_at_least_their_own_work() -> None:
    short = build.speed(value=3_100.0, output_tokens=128.0)
    longer = build.speed(value=3_150.0, output_tokens=256.0)  # 128 steps more in 50 ms
    found = neighbours(short, longer)
    assert said(found) == [(3, "error"), (4, "error")]
    assert "though the rest takes at least" in found[0].what


def test_twice_the_tokens_take_at_most_a_little_more_than_twice_the_time() -> None:
    short = build.speed(value=3_100.0, output_tokens=128.0)
    assert neighbours(short, build.speed(value=6_300.0, output_tokens=256.0)) == []
    assert len(neighbours(short, build.speed(value=9_000.0, output_tokens=256.0))) == 2


def test_the_row_that_fits_no_other_is_blamed_alone() -> None:
    sound = [build.speed(value=24.2 * tokens, output_tokens=float(tokens)) for tokens in (128, 256, 512)]
    odd = build.speed(value=1_000.0, output_tokens=1_024.0)
    [found] = neighbours(*sound, odd)
    assert found.line == 6
    assert "and 2 more such" in found.what


@pytest.mark.parametrize(("rate", "severities"), [(1.9, []), (1.7, ["warning"]), (0.9, ["error"])])
def test_more_gpus_may_cost_a_tenth_of_the_rate_and_not_half(rate: float, severities: list[str]) -> None:
    at_most = {"load": "maximum", "metric": "requests_per_s", "half_width": None}
    found = neighbours(build.speed(value=2.0, **at_most), build.speed(value=rate, num_gpus=2, **at_most))
    assert [one.severity for one in found] == severities


def test_a_gpu_with_more_of_everything_is_not_half_as_fast() -> None:
    slow, fast = build.speed(gpu="H100-SXM", value=6_000.0), build.speed(gpu="A6000", value=2_900.0)
    found = neighbours(slow, fast)
    assert said(found) == [(3, "error")]
    assert "H100-SXM reaches 6000, A6000 with less of everything 2900" in found[0].what
    assert neighbours(build.speed(gpu="H100-SXM", value=5_000.0), fast) == []
