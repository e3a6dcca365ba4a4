"""The brief answer is the beginning of the whole one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.advise.choose.recommendation import Recommendation
from advisor.report.terminal import out
from tests.report.builders import answer, recommendation, three


def brief(found: Recommendation, capsys: pytest.CaptureFixture[str]) -> list[str]:
    out.print_brief(found, top=10)
    return capsys.readouterr().out.splitlines()


def whole(found: Recommendation, capsys: pytest.CaptureFixture[str]) -> list[str]:
    out.print_recommendation(found, top=10, explain=False)
    return capsys.readouterr().out.splitlines()


def test_the_brief_answer_is_the_whole_one_without_what_was_asked_and_what_it_rests_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = replace(three(), notes=("said of the question",))
    short, long = brief(found, capsys), whole(found, capsys)
    assert short[:2] == [long[0], "Note: said of the question."]
    start, end = long.index("Note: said of the question."), long.index("Run it")
    assert short[1:] == long[start : end - 1]
    assert "Why" in short


def test_where_nothing_keeps_the_limits_the_brief_answer_has_what_comes_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    short = brief(recommendation(answer("fp8", 3.5, 0.999, ttft_p95_ms=400.0)), capsys)
    assert any(line.startswith("Nothing keeps the limits with the confidence asked for.") for line in short)
    assert any("fp8 on 1× A6000" in line for line in short)
