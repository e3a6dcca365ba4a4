"""The answer by itself, as `measure` ends with it."""

from __future__ import annotations

import pytest

from advisor.advise.choose.recommendation import Recommendation
from advisor.report.terminal import out
from tests.report.builders import answer, recommendation, three


def brief(found: Recommendation, capsys: pytest.CaptureFixture[str]) -> list[str]:
    out.print_brief(found)
    return capsys.readouterr().out.splitlines()


def test_the_brief_answer_is_the_answer_and_its_basis(capsys: pytest.CaptureFixture[str]) -> None:
    short = brief(three(), capsys)
    out.print_recommendation(three(), top=None, explain=False)
    assert short[:-1] == capsys.readouterr().out.splitlines()
    assert short[-1] == (
        "Basis: of the first speed fitted, accuracy measured. Speed measured of 0 of 3 ranked."
    )
    assert short[0].startswith("int4 on ") or " USD/h " in short[0]


def test_where_nothing_keeps_the_limits_the_brief_answer_has_what_comes_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    short = brief(recommendation(answer("fp8", 3.5, 0.999, ttft_p95_ms=400.0)), capsys)
    assert any(line.startswith("Nothing keeps the limits with the confidence asked for.") for line in short)
    assert any("fp8 on 1× A6000" in line for line in short)
