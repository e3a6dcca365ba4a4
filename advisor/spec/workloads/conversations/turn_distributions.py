"""How many turns a conversation has, and how many seconds pass between an answer and the next prompt."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args

from advisor.spec.reading.value_checks import require, within

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TurnsKind = Literal["constant", "uniform", "geometric", "empirical"]
ThinkKind = Literal["constant", "uniform", "exponential", "lognormal", "empirical"]

MAX_TURNS = 1_000
MAX_THINK_S = 7 * 86_400.0
"""A week: what comes later begins a new conversation."""
_RARE = 1e-3
"""Conversations longer than the one in a thousand are cut to its length."""


def _require_middle(mean: float, low: float, high: float) -> None:
    middle = (low + high) / 2
    require(math.isclose(mean, middle, abs_tol=1e-9), f"mean {mean:g} is not the middle {middle:g}")


def _require_average(mean: float, values: Sequence[float]) -> None:
    average = math.fsum(values) / len(values)
    require(math.isclose(mean, average, abs_tol=1e-9), f"mean {mean:g} is not the values' own {average:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Turns (a prompt and its answer) of a conversation."""

    kind: TurnsKind
    mean: float
    """constant: a fraction is a mix of the two whole numbers beside it."""
    low: int = 1
    high: int | None = None
    values: tuple[int, ...] = ()
    """For `empirical`: counts, each as likely as another."""

    def __post_init__(self) -> None:
        require(
            self.kind in get_args(TurnsKind), f"turns kind '{self.kind}' is none of {get_args(TurnsKind)}"
        )
        require(within(self.mean, 1, MAX_TURNS), f"mean {self.mean:g} is not between 1 and {MAX_TURNS} turns")
        if self.kind == "geometric":
            require(self.mean > 1, "geometric turns need a mean above 1")
            require(self.mean <= MAX_TURNS / 8, f"geometric turns have a mean of at most {MAX_TURNS // 8}")
        if self.kind == "uniform":
            high = -1 if self.high is None else self.high
            require(1 <= self.low <= high <= MAX_TURNS, f"turns go from 1 to {MAX_TURNS}, low to high")
            _require_middle(self.mean, self.low, high)
        else:
            require(self.low == 1 and self.high is None, f"{self.kind} turns have no low and high")
        if self.kind == "empirical":
            require(len(self.values) > 0, "empirical turns need values")
            require(
                min(self.values) >= 1 and max(self.values) <= MAX_TURNS, f"turns go from 1 to {MAX_TURNS}"
            )
            _require_average(self.mean, self.values)
        else:
            require(not self.values, f"{self.kind} turns have no values")

    @classmethod
    def constant(cls, mean: float) -> Turns:
        """So many turns; of a fraction, a mix of the two whole numbers beside it."""
        return cls(kind="constant", mean=mean)

    @classmethod
    def uniform(cls, low: int, high: int) -> Turns:
        """Every count from `low` to `high`, equally often."""
        return cls(kind="uniform", mean=(low + high) / 2, low=low, high=high)

    @classmethod
    def geometric(cls, mean: float) -> Turns:
        """A conversation ends after every turn with one probability; the one in a thousand is the longest."""
        return cls(kind="geometric", mean=mean)

    @classmethod
    def empirical(cls, values: Sequence[int]) -> Turns:
        """Counts as they were seen; each is as likely as another."""
        require(len(values) > 0, "empirical turns need values")
        return cls(kind="empirical", mean=math.fsum(values) / len(values), values=tuple(sorted(values)))

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of conversations with 1, 2, 3 … turns, to the longest; they sum to 1."""
        return _shares(self)

    @property
    def longest(self) -> int:
        """Turns of the longest conversation."""
        return len(self.shares)

    @property
    def lasting(self) -> tuple[float, ...]:
        """Share of conversations that have a first turn (1), a second, a third …"""
        return tuple(reversed(list(itertools.accumulate(reversed(self.shares)))))


@lru_cache(maxsize=256)
def _shares(turns: Turns) -> tuple[float, ...]:
    if turns.kind == "constant":
        fewer, part = math.floor(turns.mean), turns.mean % 1
        ends = (1.0 - part, part) if part else (1.0,)
        return (*([0.0] * (fewer - 1)), *ends)
    if turns.kind == "uniform":
        high = turns.high or turns.low
        return (*([0.0] * (turns.low - 1)), *([1.0 / (high - turns.low + 1)] * (high - turns.low + 1)))
    if turns.kind == "empirical":
        return tuple(turns.values.count(n) / len(turns.values) for n in range(1, max(turns.values) + 1))
    return _geometric(turns.mean)


def _geometric(mean: float) -> tuple[float, ...]:
    """Cut at the longest of a thousand, with the mean kept."""
    longest = max(2, math.ceil(math.log(_RARE) / math.log1p(-1.0 / mean)))

    def of(ends: float) -> list[float]:
        raw = [(1.0 - ends) ** n for n in range(longest)]
        total = math.fsum(raw)
        return [one / total for one in raw]

    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        longer = math.fsum(n * share for n, share in enumerate(of(middle), start=1)) > mean
        low, high = (middle, high) if longer else (low, middle)
    return tuple(of(high))


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkTime:
    """Seconds between an answer and the user's next prompt."""

    kind: ThinkKind
    mean: float
    std: float = 0.0
    """For `lognormal`."""
    low: float = 0.0
    high: float | None = None
    values: tuple[float, ...] = ()
    """For `empirical`: seconds, each as likely as another."""

    def __post_init__(self) -> None:
        kind, mean = self.kind, self.mean
        require(kind in get_args(ThinkKind), f"think time kind '{kind}' is none of {get_args(ThinkKind)}")
        require(within(mean, 0, MAX_THINK_S), f"mean {mean:g} is not between 0 and {MAX_THINK_S:,.0f} s")
        if kind in ("exponential", "lognormal"):
            require(mean > 0, f"{kind} think time needs a mean above 0")
        if kind == "lognormal":
            require(
                within(self.std, 1e-6 * mean, 10 * mean),
                f"std {self.std:g} is not above 0 and up to 10 times the mean",
            )
        if kind == "uniform":
            high = -1.0 if self.high is None else self.high
            require(
                within(self.low, 0, MAX_THINK_S) and within(high, self.low, MAX_THINK_S), "min is above max"
            )
            _require_middle(mean, self.low, high)
        else:
            require(self.low == 0 and self.high is None, f"{kind} think time has no min and max")
        require(kind == "lognormal" or self.std == 0, f"{kind} think time has no std")
        require(kind == "empirical" or not self.values, f"{kind} think time has no values")
        if kind == "empirical":
            require(len(self.values) > 0, "empirical think time needs values")
            require(
                min(self.values) >= 0 and max(self.values) <= MAX_THINK_S,
                f"a value is not in 0 … {MAX_THINK_S:,.0f} s",
            )
            _require_average(mean, self.values)

    @classmethod
    def constant(cls, seconds: float) -> ThinkTime:
        return cls(kind="constant", mean=seconds)

    @classmethod
    def exponential(cls, mean: float) -> ThinkTime:
        return cls(kind="exponential", mean=mean)

    @classmethod
    def lognormal(cls, mean: float, std: float) -> ThinkTime:
        return cls(kind="lognormal", mean=mean, std=std)

    @classmethod
    def uniform(cls, low: float, high: float) -> ThinkTime:
        return cls(kind="uniform", mean=(low + high) / 2, low=low, high=high)

    @classmethod
    def empirical(cls, values: Sequence[float]) -> ThinkTime:
        require(len(values) > 0, "empirical think time needs values")
        return cls(kind="empirical", mean=math.fsum(values) / len(values), values=tuple(sorted(values)))

    def quantile(self, share: float) -> float:
        """Seconds that a share (above 0, below 1) of the pauses does not exceed."""
        if self.kind == "constant":
            return self.mean
        if self.kind == "exponential":
            return -self.mean * math.log1p(-share)
        if self.kind == "uniform":
            return self.low + share * ((self.high or self.low) - self.low)
        if self.kind == "empirical":
            return self.values[min(int(share * len(self.values)), len(self.values) - 1)]
        from statistics import NormalDist

        sigma2 = math.log1p((self.std / self.mean) ** 2)
        return self.mean * math.exp(math.sqrt(sigma2) * NormalDist().inv_cdf(share) - sigma2 / 2)

    def points(self, count: int) -> tuple[float, ...]:
        """So many equally likely pauses, shortest first."""
        return _points(self, count)

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """`n` pauses drawn with `rng`."""
        import numpy as np

        if self.kind == "exponential":
            return rng.exponential(self.mean, size=n)
        if self.kind == "lognormal":
            sigma2 = math.log1p((self.std / self.mean) ** 2)
            return rng.lognormal(math.log(self.mean) - sigma2 / 2, math.sqrt(sigma2), size=n)
        if self.kind == "uniform":
            return rng.uniform(self.low, self.high or self.low, size=n)
        if self.kind == "empirical":
            return rng.choice(np.asarray(self.values, dtype=np.float64), size=n)
        return np.full(n, self.mean, dtype=np.float64)


@lru_cache(maxsize=256)
def _points(think: ThinkTime, count: int) -> tuple[float, ...]:
    return tuple(think.quantile((at + 0.5) / count) for at in range(count))


def sample_turns(turns: Turns, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Turns of `n` conversations drawn with `rng`."""
    import numpy as np

    reached = np.cumsum(turns.shares)
    found: NDArray[np.int64] = np.searchsorted(reached, rng.random(n) * reached[-1], side="right") + 1
    return np.minimum(found, turns.longest)
