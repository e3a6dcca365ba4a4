"""Axis: one thing about a load that is varied: concurrency, request rate, prompt or answer length."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, log
from typing import Literal, get_args

import numpy as np

from advisor.errors import InputError
from advisor.spec.models.model import ModelSpec
from advisor.spec.reading.given_value import LEAST_AMOUNT, plain
from advisor.spec.workloads.workload import MAX_CONCURRENCY, MAX_REQUESTS_PER_S, Arrival, Lengths, Load

Over = Literal["concurrency", "rate", "input-tokens", "output-tokens"]
OVERS: tuple[Over, ...] = get_args(Over)

UNITS: dict[Over, str] = {
    "concurrency": "concurrent requests",
    "rate": "requests/s",
    "input-tokens": "prompt tokens",
    "output-tokens": "answer tokens",
}

PER_OCTAVE = 2
"""Levels looked at per doubling before the crossings are narrowed down."""
DEFAULT_RANGE = 16.0
"""Where no range is given, a rate is varied from what is asked ÷ this to what is asked × this."""


def known_over(text: str, where: str = "over") -> Over:
    """What is varied, by its name. Raises InputError, which begins with `where`, for what cannot be."""
    for over in OVERS:
        if text == over:
            return over
    raise InputError(f"{where}: '{plain(text)}' cannot be varied; known: {', '.join(OVERS)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What is varied, and the levels it takes, ascending."""

    over: Over
    levels: tuple[float, ...]

    @property
    def whole(self) -> bool:
        """Whether levels are counts."""
        return self.over != "rate"


def axis(
    over: Over, load: Load, model: ModelSpec, *, low: float | None = None, high: float | None = None
) -> Axis:
    """Levels from `low` to `high`, each a fixed factor above the one before.

    Without them, a range that users have: 1 to 1,024 requests in flight, a 16th to 16 times the rate (of one
    request/s where the load has none), 64 to 32,768 prompt and 16 to 8,192 answer tokens, as far as the
    model's context goes. Raises InputError for a range that cannot be.
    """
    known_over(over)
    least, most = _usual(over, load, model)
    first = least if low is None else low
    last = most if high is None else high
    _check(over, first, last, model)
    count = max(2, ceil(log(last / first) / log(2) * PER_OCTAVE - 1e-9) + 1)
    return Axis(over=over, levels=between(first, last, count, whole=over != "rate"))


def between(low: float, high: float, count: int, *, whole: bool) -> tuple[float, ...]:
    """`count` levels from `low` to `high` by equal factors, both ends among them; whole ones are rounded."""
    levels = [low, *np.exp(np.linspace(log(low), log(high), count))[1:-1].tolist(), high]
    if whole:
        levels = [float(round(level)) for level in levels]
    return tuple(sorted(set(levels)))


def load_at(load: Load, over: Over, level: float) -> Load:
    """The load with one thing about it changed."""
    if over == "concurrency":
        return replace(load, arrival=Arrival(kind="concurrency", value=float(round(level))))
    if over == "rate":
        burst = load.arrival.burstiness if load.arrival.kind == "rate" else 1.0
        return replace(load, arrival=Arrival(kind="rate", value=level, burstiness=burst))
    if over == "input-tokens":
        return replace(load, input_tokens=scaled(load.input_tokens, level), longest_request_tokens=None)
    return replace(load, output_tokens=scaled(load.output_tokens, level), longest_request_tokens=None)


def level_of(load: Load, over: Over) -> float | None:
    """Where the load itself stands; None where it has no such thing (the rate of a closed loop)."""
    if over == "input-tokens":
        return load.input_tokens.mean
    if over == "output-tokens":
        return load.output_tokens.mean
    if over == "concurrency" and load.arrival.kind == "single":
        return 1.0
    return load.arrival.value if load.arrival.kind == over else None


def own_level(load: Load) -> tuple[Over, float]:
    """What a load states of its own, and how much of it: its rate, its concurrency, else its prompts' mean
    length."""
    kind = load.arrival.kind
    over: Over = kind if kind == "rate" or kind == "concurrency" else "input-tokens"
    return over, level_of(load, over) or 1.0


def scaled(lengths: Lengths, mean: float) -> Lengths:
    """Lengths of the same shape with another mean; whole tokens, so that it is met to within one.

    A lognormal that has no room left between its least and its mean (1 token) is constant.
    """
    factor = mean / lengths.mean
    if abs(factor - 1) < 1e-9:
        return lengths
    if lengths.kind == "constant":
        return Lengths.constant(mean)
    if lengths.kind == "empirical":
        return Lengths.empirical([max(1, round(value * factor)) for value in lengths.values])
    low = max(1, round(lengths.low * factor))
    high = None if lengths.high is None else max(low, ceil(lengths.high * factor))
    if lengths.kind == "uniform":
        return Lengths.uniform(low, high or low)
    low = 1 if lengths.low == 1 else min(low, max(1, ceil(mean) - 1))
    if low >= mean:
        return Lengths.constant(mean)
    return Lengths.lognormal(mean, lengths.std * factor, low=low, high=high)


def _usual(over: Over, load: Load, model: ModelSpec) -> tuple[float, float]:
    if over == "concurrency":
        return 1.0, 1024.0
    if over == "rate":
        asked = load.arrival.value if load.arrival.kind == "rate" else None
        middle = asked or 1.0
        return middle / DEFAULT_RANGE, min(middle * DEFAULT_RANGE, MAX_REQUESTS_PER_S)
    least, most = (64.0, 32_768.0) if over == "input-tokens" else (16.0, 8_192.0)
    mine, other = load.input_tokens, load.output_tokens
    if over == "output-tokens":
        mine, other = other, mine
    room = (model.max_context - other.longest - 1) * mine.mean / mine.longest
    return least, max(least * 2, min(most, float(int(room))))


def _check(over: Over, low: float, high: float, model: ModelSpec) -> None:
    if not 0 < low < high:
        raise InputError(
            f"range: {low:g} to {high:g} is not a range; give two numbers above 0, the lower first"
        )
    if over != "rate" and not ceil(low) < high:
        raise InputError(
            f"range: {low:g} to {high:g} has one whole number of {UNITS[over]} at most; widen it"
        )
    bounds = {"concurrency": (1, MAX_CONCURRENCY), "rate": (LEAST_AMOUNT, MAX_REQUESTS_PER_S)}
    least, most = bounds.get(over, (1, model.max_context))
    if low < least or high > most:
        raise InputError(f"range: {low:g} to {high:g} {UNITS[over]} is not within {least:,g} and {most:,g}")
