"""Commands that share options take the same ones, in the same words."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from advisor.cli.option_groups import grouped
from docs.tools.reference import CommandText, commands

BY_NAME: dict[str, CommandText] = {command.name: command for command in commands()}

RECOMMEND_ALONE = {
    *("--top", "--explain", "--write", "--row", "--plot", "--html", "--overwrite"),
    *("--api-price", "--utilization", "--allow-mixed"),
}


@pytest.mark.parametrize(
    ("command", "own"),
    [
        ("crossover", {"--over", "--from", "--to"}),
        ("measure-next", {"--count", "--write", "--overwrite"}),
        ("recommend", RECOMMEND_ALONE),
    ],
)
def test_what_is_chosen_from_is_said_alike(command: str, own: set[str]) -> None:
    shared = {option.names[0]: option for option in BY_NAME["recommend"].options}
    for option in BY_NAME[command].options:
        if option.names[0] not in own:
            assert option == shared[option.names[0]]
    common = [name for name in shared if name not in own]
    told = [option.names[0] for option in BY_NAME[command].options if option.names[0] not in own]
    assert told == [name for name in common if name not in RECOMMEND_ALONE]


def test_one_word_has_one_meaning_in_every_command_that_answers() -> None:
    told: dict[str, set[tuple[str, str]]] = {}
    for name in ("recommend", "crossover", "measure-next", "predict", "compare"):
        for option in BY_NAME[name].options:
            if option.panel in ("Workload", "Limits and aim", "Prices", "Engine"):
                told.setdefault(option.names[0], set()).add((option.help, option.value))
    assert len(told) > 20
    assert {name for name, meanings in told.items() if len(meanings) > 1} == set()


def test_a_group_is_taken_apart_and_put_together_again() -> None:
    seen = []

    def command(*, before: int = 1, group: Outer, after: str = "z") -> None:
        seen.append((before, group, after))

    taken = grouped(command)
    taken(before=2, first=3, second=4, third=5, after="y")
    assert seen == [(2, Outer(first=3, inner=Inner(second=4), third=5), "y")]
    assert list(taken.__signature__.parameters) == ["before", "first", "second", "third", "after"]  # type: ignore[attr-defined]


@dataclass(frozen=True, kw_only=True)
class Inner:
    second: int = 0


@dataclass(frozen=True, kw_only=True)
class Outer:
    first: int = 0
    inner: Inner
    third: int = 0
