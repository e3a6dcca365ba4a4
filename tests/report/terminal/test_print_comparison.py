"""A comparison as a table: signs, units, and a verdict that says what it rests on."""

from __future__ import annotations

import json

import pytest

from advisor.advise.compare.deployments import Basis, Difference
from advisor.report.terminal.print_comparison import RESTS_ON, print_comparison

TTFT = Difference(
    name="TTFT mean", unit="ms", first=100.0, second=90.7, change=-0.093, low=-0.42, high=0.44,
    basis="prediction",
)  # fmt: skip


def of(**changed: object) -> Difference:
    from dataclasses import replace

    return replace(TTFT, **changed)  # type: ignore[arg-type]


def printed(capsys: pytest.CaptureFixture[str], *rows: Difference, notes: tuple[str, ...] = ()) -> str:
    print_comparison("fp8 on 1× L40S", "int8 on 1× L40S", rows, notes, "table")
    return capsys.readouterr().out


def cells(text: str) -> list[str]:
    """The cells of the last row of the table."""
    import re

    return re.split(r" {2,}", [line for line in text.splitlines() if "TTFT" in line][-1].strip())


def test_a_difference_that_may_be_nothing_is_not_significant(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, TTFT)
    assert cells(text) == ["TTFT mean, ms", "100", "90.7", "−9.3 %", "−42 to +44", "no"]
    assert "A  fp8 on 1× L40S\nB  int8 on 1× L40S" in text
    assert "Intervals rest on predictions, errors that both share left out." in text


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.02, 0.2, True), (-0.2, -0.02, True), (-0.1, 0.1, False), (0.0, 0.2, False), (None, None, None)],
)
def test_significant_is_what_leaves_out_no_change_at_all(
    low: float | None, high: float | None, verdict: bool | None
) -> None:
    assert of(low=low, high=high).significant is verdict


@pytest.mark.parametrize(
    ("basis", "low", "verdict"),
    [
        ("prediction", 0.1, "yes"),
        ("repeats", -0.1, "no"),
        ("scatter", 0.1, "likely, repeat to be sure"),
        ("scatter", -0.1, "not to be seen in one run"),
    ],
)
def test_one_run_each_makes_no_certainty(
    basis: Basis, low: float, verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, of(change=0.2, low=low, high=0.3, basis=basis))
    assert cells(text)[-1] == verdict
    assert f"Intervals rest on {RESTS_ON[basis]}."[:60] in text.replace("\n", " ")


def test_what_has_no_interval_cannot_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(
        capsys, of(low=None, high=None, basis="none"), notes=("gsm8k: the second has no such score",)
    )
    assert cells(text)[-1] == "cannot be said"
    assert text.rstrip().endswith("Note: gsm8k: the second has no such score.")


def test_a_score_differs_in_points(capsys: pytest.CaptureFixture[str]) -> None:
    score = of(name="TTFT score", unit="points", change=-1.25, low=-2.0, high=-0.5, is_share=False)
    assert cells(printed(capsys, score))[3:] == ["−1.2 points", "−2 to −0.5", "yes"]


def test_each_basis_is_explained_once(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, TTFT, of(name="TTFT p95"), of(name="TTFT p99", basis="repeats"))
    assert text.count("Intervals rest on") == 2


def test_json_has_the_same_figures(capsys: pytest.CaptureFixture[str]) -> None:
    print_comparison("a.json", "b.json", [TTFT], ["a note"], "json")
    document = json.loads(capsys.readouterr().out)
    assert (document["a"], document["b"], document["notes"]) == ("a.json", "b.json", ["a note"])
    [row] = document["differences"]
    assert (row["change"], row["low"], row["high"], row["significant"]) == (-0.093, -0.42, 0.44, False)
