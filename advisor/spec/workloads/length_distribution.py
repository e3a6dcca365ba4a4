"""What a Lengths means: draws from it, and its percentiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from advisor.spec.workloads import lognormal
from advisor.spec.workloads.conversations.prompt_lengths import TurnPrompt, turn_prompts
from advisor.spec.workloads.workload import Lengths

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from advisor.spec.workloads.workload import Load

_GRID = 2_049
_SHARES = 1_000
"""Counts of equal likelihood that stand for a distribution without values of its own."""
_REACH = 9.0
"""Standard deviations that a draw reaches out: one in 10^18 lies beyond."""


def quantile(lengths: Lengths, share: float) -> float:
    """The count that `share` (0 … 1) of requests do not exceed; not rounded for the lognormal."""
    if not 0 <= share <= 1:
        raise ValueError(f"share {share} is not between 0 and 1")
    if lengths.kind == "constant":
        return lengths.mean
    if lengths.kind == "empirical":
        ordered = sorted(lengths.values)
        return float(ordered[max(0, math.ceil(share * len(ordered)) - 1)])
    if lengths.kind == "uniform":
        high = lengths.high or lengths.low
        count = high - lengths.low + 1
        return float(min(high, lengths.low + max(0, math.ceil(share * count) - 1)))
    mean, std, low, high_or_none = lengths.mean, lengths.std, lengths.low, lengths.high
    mu = lognormal.location(mean, std, low, high_or_none)
    return lognormal.quantile(mu, lognormal.spread(mean, std), low, high_or_none, share)


def share_above(lengths: Lengths, tokens: float) -> float:
    """Share of requests (0 … 1) whose count is above `tokens`."""
    if tokens < lengths.low:
        return 1.0 if lengths.kind != "constant" or tokens < lengths.mean else 0.0
    if lengths.kind == "constant":
        return float(lengths.mean > tokens)
    if lengths.kind == "empirical":
        return sum(value > tokens for value in lengths.values) / len(lengths.values)
    if lengths.high is not None and tokens >= lengths.high:
        return 0.0
    if lengths.kind == "uniform":
        high = lengths.high or lengths.low
        return (high - math.floor(tokens)) / (high - lengths.low + 1)
    mean, std, low, high_or_none = lengths.mean, lengths.std, lengths.low, lengths.high
    mu, sigma = lognormal.location(mean, std, low, high_or_none), lognormal.spread(mean, std)
    alpha, beta = lognormal.ends(mu, sigma, low, high_or_none)
    return lognormal.mass((math.log(tokens) - mu) / sigma, beta) / lognormal.mass(alpha, beta)


@lru_cache(maxsize=16)
def share_longer(load: Load, tokens: int) -> float:
    """Share of requests (0 … 1) whose prompt and answer take more than `tokens` together.

    0 where the longest request is known and fits. Lengths of prompt and answer are independent. Turns of a
    conversation are sums of many lengths: a normal distribution of their mean and variance.
    """
    prompt, answer = load.input_tokens, load.output_tokens
    if load.longest_request_tokens is not None and load.longest_context <= tokens:
        return 0.0
    if load.conversation.has_turns:
        variances = prompt.deviation**2, answer.deviation**2
        turns = turn_prompts(load.conversation, prompt.mean, answer.mean, *variances)
        return sum(turn.share * _normal_above(turn, variances[1], tokens) for turn in turns)
    if load.longest_context <= tokens and all(
        x.kind == "constant" or x.high is not None for x in (prompt, answer)
    ):
        return 0.0
    room = tokens - load.conversation.system_tokens
    answers = _equally_likely(answer)
    return math.fsum(share_above(prompt, room - one) for one in answers) / len(answers)


def _equally_likely(lengths: Lengths) -> Sequence[float]:
    """Counts of equal likelihood that stand for all: the very values where they are few."""
    if lengths.kind == "constant":
        return (lengths.mean,)
    if lengths.kind == "empirical":
        return lengths.values
    return [quantile(lengths, (i + 0.5) / _SHARES) for i in range(_SHARES)]


def _normal_above(turn: TurnPrompt, answer_variance: float, tokens: int) -> float:
    std = math.sqrt(turn.variance + answer_variance)
    beyond = tokens - turn.answered
    return float(beyond < 0) if std == 0 else 0.5 * math.erfc(beyond / std / math.sqrt(2))


def at_mean(lengths: Lengths) -> Lengths:
    """Every request at the mean, rounded to a whole token."""
    return Lengths.constant(max(1, round(lengths.mean)))


def more(lengths: Lengths, tokens: int) -> Lengths:
    """Each length with so many tokens more."""
    return replace(
        lengths,
        mean=lengths.mean + tokens,
        low=lengths.low + tokens,
        high=None if lengths.high is None else lengths.high + tokens,
        values=tuple(value + tokens for value in lengths.values),
    )


def percentile(lengths: Lengths, percent: float) -> float:
    """`quantile` in percent: `percentile(lengths, 99)`."""
    return quantile(lengths, percent / 100)


def sample(lengths: Lengths, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`n` token counts drawn with `rng`: whole, within low and high, averaging `lengths.mean`.

    The same generator state gives the same counts.
    """
    import numpy as np

    if n < 0:
        raise ValueError(f"cannot draw {n} lengths")
    if lengths.kind == "constant":
        return np.full(n, max(1, round(lengths.mean)), dtype=np.int64)
    if lengths.kind == "empirical":
        return rng.choice(np.asarray(lengths.values, dtype=np.int64), size=n)
    if lengths.kind == "uniform":
        return rng.integers(lengths.low, lengths.high, size=n, endpoint=True, dtype=np.int64)
    return _draw_lognormal(lengths, n, rng)


def _draw_lognormal(lengths: Lengths, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Inverse distribution function from a table: one uniform number per draw, none rejected."""
    import numpy as np

    mean, std, low, high = lengths.mean, lengths.std, lengths.low, lengths.high
    mu, sigma = lognormal.location(mean, std, low, high), lognormal.spread(mean, std)
    alpha, beta = lognormal.ends(mu, sigma, low, high)
    first, last = max(alpha, -_REACH), min(beta, _REACH)
    if alpha > 1:  # only an upper tail is left: it falls like exp(-alpha z)
        first, last = alpha, min(beta, alpha + 4 * _REACH / alpha)
    elif beta < -1:
        first, last = max(alpha, beta + 4 * _REACH / beta), beta
    z = np.linspace(first, last, _GRID)
    shares = np.array([lognormal.mass(first, edge) for edge in z])
    drawn = np.exp(mu + sigma * np.interp(rng.random(n) * shares[-1], shares, z))
    counts: NDArray[np.int64] = np.clip(np.rint(drawn), low, high).astype(np.int64)
    return counts
