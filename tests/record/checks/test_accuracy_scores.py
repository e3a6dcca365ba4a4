"""Scores that contradict their own recovery, their average, or another table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.record.checks.accuracy_scores import OPEN_LLM_V1, OPEN_LLM_V2, check_quality
from advisor.record.checks.printed_costs import check_costs
from advisor.record.measurement import QualityMeasurement
from advisor.record.store import Located
from tests.record import build


def rows(*records: Any) -> list[Located[Any]]:
    return [Located(record=record, file=Path("q.csv"), line=3 + at) for at, record in enumerate(records)]


def said(*records: QualityMeasurement) -> list[tuple[int, str]]:
    return sorted((one.line, one.severity) for one in check_quality(rows(*records)))


def test_sound_scores_have_no_finding() -> None:
    assert said(build.quality(), build.quality(task="MMLU", value=66.0, baseline=67.0)) == []


@pytest.mark.parametrize(
    ("value", "baseline", "severity"),
    [(101.0, 82.0, "error"), (-1.0, 82.0, "error"), (10.0, 82.0, "warning"), (82.0, 50.0, "warning"),
     (0.0, 0.0, "warning")],
)  # fmt: skip
def test_a_score_is_a_percentage_and_a_recovery_hardly_under_30_or_over_150(
    value: float, baseline: float, severity: str
) -> None:
    found = said(build.quality(value=value, baseline=baseline))
    assert (3, severity) in found


@given(st.floats(20, 99), st.floats(20, 99))
def test_a_recovery_that_was_printed_from_its_scores_is_sound(value: float, baseline: float) -> None:
    value, baseline = round(value, 1), round(baseline, 1)
    made = build.quality(
        value=value, baseline=baseline, printed_recovery_pct=round(100 * value / baseline, 1)
    )
    assert all("printed is" not in one.what for one in check_quality(rows(made)))


def test_a_recovery_half_a_point_beside_its_scores_is_a_misprint() -> None:
    # 81.2 of 82.8 are 98.07 %
    [found] = check_quality(rows(build.quality(printed_recovery_pct=98.6)))
    assert found.what == "81.2 of 82.8 is 98.07 %, printed is 98.6 %"
    assert said(build.quality(printed_recovery_pct=98.1)) == []


def suite(names: frozenset[str], average: str, printed: float, **more: Any) -> list[QualityMeasurement]:
    scores = [
        build.quality(task=name, value=60.0 + at, baseline=None, protocol="25-shot", **more)
        for at, name in enumerate(sorted(names))
    ]
    return [*scores, build.quality(task=average, metric="average", value=printed, baseline=None, **more)]


@pytest.mark.parametrize(("names", "average"), [(OPEN_LLM_V1, "OpenLLM-v1"), (OPEN_LLM_V2, "OpenLLM-v2")])
def test_an_average_is_the_mean_of_its_rows(names: frozenset[str], average: str) -> None:
    # six scores of 60 to 65: their mean is 62.5
    assert said(*suite(names, average, 62.5)) == []
    assert said(*suite(names, average, 62.6)) == []  # seven roundings
    assert said(*suite(names, average, 62.8)) == [(9, "error")]


def test_a_row_that_repeats_the_average_is_blamed_with_it() -> None:
    assert said(*suite(OPEN_LLM_V2, "OpenLLM-v2", 64.0)) == [(7, "error"), (9, "error")]


def test_an_average_of_which_a_row_is_missing_is_not_judged() -> None:
    assert said(*suite(OPEN_LLM_V2, "OpenLLM-v2", 99.0)[1:]) == []


def test_an_average_may_stand_in_another_table_of_the_same_paper() -> None:
    *scores, average = suite(OPEN_LLM_V2, "OpenLLM-v2", 70.0, source="arXiv:1 Table 3")
    moved = build.quality(**{**_fields(average), "source": "arXiv:1 Table 9"})
    assert said(*scores, moved) == [(9, "error")]
    other = build.quality(**{**_fields(average), "source": "arXiv:2 Table 9"})
    assert said(*scores, other) == []


def _fields(record: QualityMeasurement) -> dict[str, Any]:
    return {name: getattr(record, name) for name in type(record).__dataclass_fields__}


def test_two_tables_that_give_two_scores_to_the_opposite_formats() -> None:
    def table(source: str, int4: float, fp8: float) -> list[QualityMeasurement]:
        common = {"source": source, "baseline": None}
        return [
            build.quality(format="int4", value=int4, **common),
            build.quality(format="fp8", algorithm="rtn", value=fp8, **common),
        ]

    crossed = [*table("a", 80.1, 81.9), *table("b", 81.9, 80.1)]
    assert said(*crossed) == [(3, "error"), (4, "error"), (5, "error"), (6, "error")]
    assert said(*table("a", 80.1, 81.9), *table("b", 80.1, 81.9)) == []


def test_one_source_has_a_score_once() -> None:
    again = build.quality(value=80.0)
    assert said(build.quality(), again) == [(4, "warning")]
    assert said(build.quality(), build.quality()) == []
    assert said(build.quality(), build.quality(value=80.0, conditions="another prompt")) == []


def test_queries_per_dollar_belong_to_the_price_that_the_source_names() -> None:
    # 24.5 s a query at 0.80 USD an hour: 3600 ÷ (24.5 × 0.8) = 183.7 queries a dollar
    assert list(check_costs(rows(build.cost()))) == []
    [found] = check_costs(rows(build.cost(queries_per_usd=92.0)))
    assert found.severity == "error"
    assert "implies 1.5" in found.what
    assert found.what.endswith("1 x A6000 costs 0.8")


def test_a_price_that_would_fit_another_row_is_named() -> None:
    wrong = build.cost(queries_per_usd=92.0)
    double = build.cost(num_gpus=2, usd_per_hour=1.60, queries_per_usd=92.0)
    [found] = check_costs(rows(wrong, double))
    assert found.what.endswith("(2 x A6000 costs 1.6)")
    [known] = check_costs(rows(build.cost(queries_per_usd=92.0, suspect="priced as two")))
    assert known.severity == "known"
