"""What a plan takes and costs before it is run, for GPUs that are not here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from advisor.cli.measure.expected_vs_measured import ON_A_CPU
from advisor.cli.measure.plan_cost import duration
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.hardware.prices import price_of
from tests.cli.measure.report.test_advice import place_in
from tests.command import Command

PLAN = ("measure", "--model", "Llama-3.1-8B-Instruct", "--workload", "chat", "--dry-run")
MINUTES = {"s": 1 / 60, "min": 1.0, "h": 60.0}


def lines(quantadvise: Command, *words: str) -> list[str]:
    answer = quantadvise(*PLAN, *words)
    assert answer.code == 0, answer.err
    table = answer.out[answer.out.rindex("step  ") :] if "GPUs" in answer.out else answer.out
    return table.splitlines()


def row(rows: list[str], title: str) -> list[str]:
    [line] = [line for line in rows if line.startswith(title)]
    return re.split(r"  +", line)


def minutes(text: str) -> float:
    number, unit = text.split()
    return float(number) * MINUTES[unit]


def test_a_plan_for_a_gpu_that_is_not_here_has_time_range_basis_and_money(quantadvise: Command) -> None:
    rows = lines(
        quantadvise, "--gpu", "H100", "--formats", "bf16,int4", "--concurrency", "8", "--tasks", "gsm8k"
    )
    bench = row(rows, "bf16 ×1 concurrency 8")
    assert bench[0] == "bf16 ×1 concurrency 8, 3 × 80 requests"
    low, high = bench[3].split(" to ")
    assert minutes(low) < minutes(bench[2]) < minutes(high)
    assert bench[4] in ("fitted", "extrapolated")
    price = price_of(find_gpu("H100"), 1)
    assert price is not None
    assert float(bench[5]) == pytest.approx(minutes(bench[2]) / 60 * price.usd_per_gpu_hour, abs=0.02)
    assert row(rows, "quantize int4 (gptq)")[4] == "our guess"
    assert row(rows, "int4 ×1 gsm8k")[4].endswith("; tokens our guess")
    named = [re.split(r"  +", line) for line in rows[1:] if re.match(r"(bf16|int4|quantize) ", line)]
    total = row(rows, "all ")
    assert minutes(total[1]) == pytest.approx(sum(minutes(one[2]) for one in named), rel=0.05)
    assert any(
        line.startswith(f"price: {price.usd_per_gpu_hour:.3g} USD per GPU-hour ({price.provider}")
        for line in rows
    )


def test_more_requests_and_more_items_take_longer(quantadvise: Command) -> None:
    def bench(requests: str) -> float:
        rows = lines(quantadvise, "--gpu", "H100", "--concurrency", "64", "--requests", requests)
        return minutes(row(rows, "bf16 ×1 concurrency 64")[2])

    def task(limit: str) -> float:
        rows = lines(quantadvise, "--gpu", "H100", "--tasks", "gsm8k", "--limit", limit)
        return minutes(row(rows, "bf16 ×1 gsm8k")[2])

    assert bench("20000") > 5 * bench("2000")
    assert task("1000") > task("100")
    # GSM8K has 1,319 items, whatever the limit
    assert task("5000") == task("1319")


def test_two_gpus_cost_twice_as_much_an_hour(quantadvise: Command) -> None:
    rows = lines(quantadvise, "--gpu", "H100", "--tp", "2", "--concurrency", "8")
    start = row(rows, "bf16 ×2 start vLLM")
    price = price_of(find_gpu("H100"), 1)
    assert price is not None
    assert float(start[5]) == pytest.approx(2 * minutes(start[2]) / 60 * price.usd_per_gpu_hour, abs=0.02)


def test_a_task_that_nobody_knows_is_not_counted_and_said(quantadvise: Command) -> None:
    rows = lines(quantadvise, "--gpu", "H100", "--tasks", "my_own")
    assert row(rows, "bf16 ×1 my_own")[2] == "-"
    assert "not counted, no prediction: bf16 ×1 my_own" in rows


def test_what_is_done_is_not_counted(tmp_path: Path) -> None:
    made = place_in(tmp_path)
    words = ("--formats", "bf16", "--repeats", "1", "--requests", "20", "--concurrency")
    assert made.run(*words, "1").returncode == 0
    some = made.run(*words, "1,4", "--dry-run").stdout
    assert "bf16 ×1 concurrency 4, 1 × 20 requests" in some
    assert "bf16 ×1 concurrency 1, 1 × 20 requests" not in some
    assert made.run(*words, "1", "--dry-run").stdout.endswith("nothing is left to do\n")


def test_without_a_known_gpu_the_plan_says_so(quantadvise: Command, tmp_path: Path) -> None:
    rows = lines(quantadvise, "--formats", "bf16,int4", "--concurrency", "8", "--out", str(tmp_path))
    assert f"no speed is predicted: {ON_A_CPU}" in rows
    assert "name it (--gpu H100)" in ON_A_CPU
    assert "no price is known for this GPU" in rows


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45 s"), (144, "2.4 min"), (720, "12 min"), (12_240, "3.4 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
