"""Warnings of benchmarks that a format is known to break, with the scores that show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from advisor.cost.quality.expected_loss import FOUR_BIT
from advisor.cost.quality.fitted_accuracy import Fitted
from advisor.cost.quality.model_traits import Traits
from advisor.cost.quality.scores_to_losses import Cell
from advisor.cost.quality.tasks import Task
from advisor.spec.accuracy_benchmarks import benchmark

SMALL_B = 3.0
"""Billions of active parameters under which 4-bit formats are seen to break single benchmarks."""
_WORTH_NAMING = 0.02
_SURE = 2.0
"""A loss is named when it is 2 % or more and twice its own noise."""
_NAMED = 3
_REASONING = frozenset({"maths", "reasoning"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """When to warn, and which scores show why."""

    text: str
    applies: Callable[[Traits, frozenset[str]], bool]
    shows: Callable[[Cell], bool]


_RULES = (
    _Rule(
        text=f"4-bit models with under {SMALL_B:.0f}B active parameters break on single benchmarks",
        applies=lambda traits, families: traits.active_b < SMALL_B,
        shows=lambda c: c.traits.active_b < SMALL_B,
    ),
    _Rule(
        text="maths and reasoning can lose far more in 4 bits than the average",
        applies=lambda traits, families: bool(families & _REASONING),
        shows=lambda c: c.row.family in _REASONING,
    ),
    _Rule(
        text="long contexts can lose more in 4 bits than short ones",
        applies=lambda traits, families: "long context" in families,
        shows=lambda c: c.row.family == "long context",
    ),
)


def warnings_for(fitted: Fitted, traits: Traits, format: str, tasks: Sequence[Task]) -> tuple[str, ...]:
    """What to tell a user of a 4-bit format; empty for 8-bit ones, where no benchmark is seen to break."""
    if format not in FOUR_BIT:
        return ()
    families = frozenset(benchmark(name).family for task in tasks for name in task.parts)
    out = []
    for rule in _RULES:
        if rule.applies(traits, families):
            shown = _worst(fitted, traits, format, rule.shows)
            seen = f": seen {', '.join(shown)}" if shown else ", though no score in the records shows it"
            out.append(rule.text + seen)
    return tuple(out)


def _worst(fitted: Fitted, traits: Traits, format: str, shows: Callable[[Cell], bool]) -> list[str]:
    """The largest sure losses in this format, else in any 4-bit format: one a model, its own first."""
    sure = [
        c
        for c, sd in zip(fitted.cells, fitted.noise, strict=True)
        if c.format in FOUR_BIT and shows(c) and c.loss >= max(_WORTH_NAMING, _SURE * float(sd))
    ]
    own = [c for c in sure if c.format == format] or sure
    worst: dict[str, Cell] = {}
    for c in sorted(own, key=lambda c: (c.traits.key != traits.key, -c.loss)):
        worst.setdefault(c.traits.key, c)
    return [
        f"{c.traits.name} {c.format} keeps {100 * (1 - c.loss):.1f} % of {c.benchmark}"
        for c in list(worst.values())[:_NAMED]
    ]
