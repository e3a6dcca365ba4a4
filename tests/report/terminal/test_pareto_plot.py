"""The Pareto set in a terminal."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from advisor import load_workload, recommend
from advisor.advise.choose.recommendation import Recommendation
from advisor.report.terminal.pareto_plot import HEIGHT, pareto_lines, pareto_points
from advisor.spec.workloads.profile_flags import override
from tests.command import Command
from tests.report.builders import answer, recommendation, three


def drawn(made: Recommendation, width: int = 80) -> list[str]:
    return [line.plain for line in pareto_lines(made, width=width)]


def grid(lines: list[str]) -> list[str]:
    """The rows of the plot, without the axis."""
    return [re.split("[┤│]", line, maxsplit=1)[1] for line in lines[1 : HEIGHT + 1]]


def places(lines: list[str]) -> dict[int, tuple[int, int]]:
    """Place in the ranking → (row from the top, column)."""
    return {
        int(found[0]): (row, found.start())
        for row, line in enumerate(grid(lines))
        for found in re.finditer(r"\d+", line)
    }


def test_cheaper_is_left_and_more_accurate_is_up() -> None:
    lines = drawn(three())
    at = places(lines)
    assert set(at) == {1, 2, 3}
    by_cost = sorted(pareto_points(three()), key=lambda p: p.cost.value)
    by_recovery = sorted(pareto_points(three()), key=lambda p: -p.recovery.value)
    columns = [at[point.place][1] for point in by_cost]
    rows = [at[point.place][0] for point in by_recovery]
    assert columns == sorted(columns)
    assert rows == sorted(rows)
    assert "recovery, %" in lines[0]
    assert "USD per million output tokens (log)" in "\n".join(lines)


def test_every_number_is_explained_with_unit_interval_and_basis() -> None:
    lines = drawn(three())
    listed = [line for line in lines if re.match(r" +\d+  ", line)]
    assert len(listed) == 3
    for line in listed:
        assert re.search(r"USD \((measured|fitted|extrapolated|roofline|price and asked load)\)", line)
        assert re.search(r"[\d.]+ (\([\d.]+–[\d.]+\) )?% \(", line)


@pytest.mark.parametrize("width", [20, 40, 80, 300])
def test_it_keeps_to_the_width(width: int) -> None:
    for line in drawn(three(), width)[: HEIGHT + 3]:
        assert len(line) <= max(40, min(width, 100)) + 6


def test_one_deployment_alone_and_none_at_all() -> None:
    assert set(places(drawn(recommendation(answer("int4", 4.0, 0.98))))) == {1}
    assert drawn(recommendation()) == [
        "Nothing to plot: no ranked deployment has both a known cost and a known accuracy."
    ]
    [unknown] = recommendation(answer("int4", 4.0, 0.98)).ranked
    unpriced = replace(recommendation(), ranked=(replace(unknown, cost=None),))
    assert "Nothing to plot" in drawn(unpriced)[0]


def test_a_real_answer_has_its_first_on_the_plot() -> None:
    workload = override(load_workload("chat"), rate=8.0, min_recovery=0.97)
    found = recommend("Llama-3.1-8B-Instruct", workload, gpus=["A6000", "H100"])
    at = places(drawn(found, 100))
    assert 1 in at
    assert set(at) <= {point.place for point in pareto_points(found) if point.on_front}


def test_it_is_part_of_the_answer_when_asked_for(quantadvise: Command) -> None:
    asked = ("recommend", "Llama-3.1-8B-Instruct", "-w", "docstring", "--gpu", "A100,L40S")
    without = quantadvise(*asked)
    plotted = quantadvise(*asked, "--plot")
    assert plotted.code == 0
    assert plotted.out.startswith(without.out)
    # Of two axes a third decides too: what is dearer and no more accurate may be numbered for its latency.
    assert "numbered are rows not beaten in cost, latency and accuracy at once" in plotted.out
    refused = quantadvise(*asked, "--plot", "--output", "json")
    assert (refused.code, refused.out) == (1, "")
    assert "--plot: it is for people" in refused.err
