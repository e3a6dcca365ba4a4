"""The answer about a mix: whole texts, and what holds at every width."""

from __future__ import annotations

from dataclasses import replace

import pytest

from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.mixed.fleet import Mix
from advisor.report.terminal.mixed.answer import SINGLE_ROWS, mix_lines
from advisor.report.terminal.mixed.fleet_words import compared_text
from tests.advise.mixed.build import cheaper, dearer, in_flight, owned
from tests.golden_text import check_text

pytestmark = pytest.mark.usefixtures("frozen_fit")

WIDTHS = (80, 100, 120, 160)
ANSWERS = {"cheaper": cheaper, "dearer": dearer, "in_flight": in_flight, "owned": owned}


def lines(answer: tuple[Recommendation, Mix], width: int) -> list[str]:
    recommendation, mix = answer
    top = SINGLE_ROWS if mix.recommended else None
    return [line.text for line in mix_lines(recommendation, mix, None, width=width, top=top)]


@pytest.mark.parametrize("name", ANSWERS)
def test_the_whole_answer(name: str, regenerate: bool) -> None:
    check_text(f"mix_{name}.txt", "\n".join(lines(ANSWERS[name](), 100)), regenerate=regenerate)


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("width", WIDTHS)
def test_an_answer_fits_a_screen(name: str, width: int) -> None:
    text = lines(ANSWERS[name](), width)
    assert max(map(len, text)) <= width
    if width >= 100:
        assert len(text) <= 30


def test_a_recommended_mix_comes_first_with_a_command_for_each_kind() -> None:
    text = lines(cheaper(), 120)
    assert text[0].startswith("fp8 on 1× H100 + fp8 on 1× L40S · 4.94 USD/h")
    assert sum("vllm serve" in line for line in text) == 2
    words = [word for line in text for word in line.split()]
    assert words.count("--served-model-name") == words.count("meta-llama/Llama-3.1-8B-Instruct") == 2


def test_both_costs_are_said_whichever_is_less() -> None:
    for answer in (cheaper(), dearer()):
        _, mix = answer
        text = compared_text(mix)
        assert mix.single is not None
        assert f"{mix.single.cost.usd_per_hour:.2f}" in text  # type: ignore[union-attr]
        assert text.count("keeps all limits") == (1 if mix.recommended else 2)


def test_where_no_fleet_is_possible_one_line_says_so() -> None:
    _, mix = dearer()
    assert compared_text(replace(mix, fleet=None)) == (
        "No mix of two or more kinds of GPU keeps all limits together with 80 %; the best single kind is "
        "int8 on 1× A6000 at 0.89 USD/h (keeps all limits 90 %)."
    )
    assert compared_text(replace(mix, fleet=None, single=None)) == (
        "No mix of two or more kinds of GPU keeps all limits together with 80 %."
    )
