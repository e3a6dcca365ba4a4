"""Printed scores become comparable losses with an honest error."""

from __future__ import annotations

import pytest

from advisor.cost.quality.algorithm_and_maker import algorithm_name
from advisor.cost.quality.scores_to_losses import cells_of, gain_of, publisher_of, unit_variance
from advisor.record.measurement import QualityMeasurement
from advisor.spec.accuracy_benchmarks import benchmark


def score(**changes: object) -> QualityMeasurement:
    row: dict[str, object] = {
        "model": "Llama-3.1-8B-Instruct",
        "format": "int4",
        "algorithm": "gptq",
        "task": "MMLU",
        "metric": "score",
        "protocol": "5-shot",
        "value": 67.0,
        "baseline": 68.0,
        "stderr": None,
        "samples": None,
        "origin": "published",
        "source": "model card RedHatAI/x",
        "licence": "Apache-2.0",
        "date": None,
    }
    return QualityMeasurement(**(row | changes))  # type: ignore[arg-type]


def test_the_loss_is_one_minus_recovery() -> None:
    [cell] = cells_of([score(value=66.0, baseline=68.0)])
    assert cell.loss == pytest.approx(1 - 66 / 68)
    assert (cell.format, cell.algorithm, cell.benchmark) == ("int4", "gptq", "MMLU")


def test_one_run_printed_three_times_counts_once() -> None:
    rows = [
        score(source="arXiv:2411.02355v4 Table 2", value=66.9),
        score(source="model card neuralmagic/a", value=67.0),
        score(source="model card RedHatAI/a", value=67.1),
    ]
    [cell] = cells_of(rows)
    assert cell.scores == 3
    assert cell.loss == pytest.approx(1 - 67 / 68)
    assert cell.unit == cells_of(rows[:1])[0].unit


def test_publishers_are_told_apart_and_simulation_from_real_kernels() -> None:
    rows = [
        score(),
        score(source="intel/auto-round x.md"),
        score(source="intel/auto-round x.md", conditions="simulated"),
    ]
    assert [publisher_of(r) for r in rows] == ["Red Hat", "intel", "intel, simulated"]
    assert len(cells_of(rows)) == 3


def test_suspect_rows_and_averages_teach_nothing() -> None:
    assert cells_of([score(suspect="misprint")]) == ()
    assert cells_of([score(task="OpenLLM-v1", metric="average")]) == ()


def test_where_a_card_prints_a_benchmarks_own_average_its_chosen_subtasks_do_not_count() -> None:
    # RedHatAI/Llama-4-Scout-17B-16E-Instruct-quantized.w4a16: 98.2 % of RULER, of which it shows the worst.
    rows = [
        score(task="RULER", protocol="131072 niah_multikey_2", value=79.2, baseline=83.6),
        score(task="RULER", protocol="131072 niah_multikey_3", value=76.0, baseline=78.8),
        score(task="RULER", protocol="131072 average", metric="average", value=78.96, baseline=80.44),
    ]
    [cell] = cells_of(rows)
    assert cell.loss == pytest.approx(1 - 78.96 / 80.44)
    assert (cell.scores, cell.context_tokens) == (1, 131_072)
    [parts] = cells_of(rows[:2])
    assert parts.scores == 2


def test_a_16_bit_row_is_the_baseline_of_its_own_source_and_protocol() -> None:
    plain = score(format="bf16", algorithm="none", value=0.70, baseline=None, source="our run")
    mine = score(value=0.68, baseline=None, source="our run")
    other = score(value=0.68, baseline=None, source="our run", protocol="0-shot")
    [cell] = cells_of([plain, mine, other])
    assert cell.loss == pytest.approx(1 - 0.68 / 0.70)


def test_fractions_and_percents_are_the_same_score() -> None:
    [percent] = cells_of([score(value=66.0, baseline=68.0)])
    [fraction] = cells_of([score(value=0.66, baseline=0.68)])
    assert fraction.loss == pytest.approx(percent.loss)
    assert fraction.unit == pytest.approx(percent.unit)


def test_a_score_below_guessing_shows_that_its_source_rescales() -> None:
    # Open LLM Leaderboard v2 as the seed paper prints it: GPQA 3.7 is a quarter of the way from guessing.
    rows = [
        score(task="GPQA", value=4.1, baseline=3.7),
        score(task="MMLU-Pro", value=28.8, baseline=30.8),
    ]
    gpqa, pro = cells_of(rows)
    assert gpqa.gain == 1.0
    assert pro.gain == 1.0
    [raw] = cells_of([score(task="MMLU-Pro", value=34.4, baseline=37.7)])
    assert raw.gain == pytest.approx((0.377 - 0.1) / 0.377)


def test_noise_is_that_of_the_benchmarks_size() -> None:
    # Two independent scores of 68 % on 14,042 questions: sqrt(2 x 0.68 x 0.32 / 14042) / 0.68 = 0.82 %
    assert unit_variance(benchmark("MMLU"), 0.68, normalized=False) ** 0.5 == pytest.approx(0.0082, abs=5e-5)
    # HumanEval has 164: 5.7 times as noisy at 70 %.
    ratio = unit_variance(benchmark("HumanEval"), 0.7, normalized=False) / unit_variance(
        benchmark("GSM8K"), 0.7, normalized=False
    )
    assert ratio == pytest.approx(1319 / 164)


def test_a_small_baseline_inflates_noise_and_leaves_little_to_lose() -> None:
    gpqa = benchmark("GPQA")
    assert unit_variance(gpqa, 0.27, normalized=False) > unit_variance(gpqa, 0.5, normalized=False)
    assert gain_of(gpqa, 0.27, normalized=False) == pytest.approx(0.02 / 0.27)
    assert gain_of(benchmark("GSM8K"), 0.27, normalized=False) == 1.0
    assert gain_of(gpqa, 0.03, normalized=True) == 1.0


def test_a_stated_standard_error_and_repeated_runs_count() -> None:
    [stated] = cells_of([score(stderr=0.4)])
    assert stated.unit == pytest.approx(2 * (0.4 / 68.0) ** 2)
    [once] = cells_of([score(task="AIME-2024", protocol="pass@1")])
    [often] = cells_of([score(task="AIME-2024", protocol="pass@1 over 20 runs")])
    assert often.unit == pytest.approx(once.unit * benchmark("AIME-2024").runs / 20)


def test_a_broken_run_is_no_format() -> None:
    assert cells_of([score(task="GSM8K", value=5.0, baseline=80.0)]) == ()


def test_truthfulqa_is_two_benchmarks() -> None:
    rows = [score(task="TruthfulQA", protocol="lm-eval, mc1"), score(task="TruthfulQA", protocol="mc2")]
    assert [c.benchmark for c in cells_of(rows)] == ["TruthfulQA-mc1", "TruthfulQA"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("GPTQ g128", "gptq"),
        ("SmoothQuant + GPTQ", "smoothquant+gptq"),
        ("AutoRound-best", "autoround"),
        ("opt-RTN", "rtn"),
        ("HQQ", "hqq"),
    ],
)
def test_algorithms_are_known_by_their_usual_spellings(text: str, name: str) -> None:
    assert algorithm_name(text) == name
