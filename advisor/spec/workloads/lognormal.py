"""The lognormal distribution cut at both ends, with the mean it must keep; no SciPy."""

from __future__ import annotations

import math
from functools import lru_cache

_Z99 = 2.3263478740408408
"""The standard normal's 99th percentile."""
Z999 = 3.0902323
"""The standard normal's quantile at 0.999."""
_FAR = 30.0
"""Standard deviations beyond which a cut lognormal is no longer a lognormal (and erfc underflows soon)."""


def spread(mean: float, std: float) -> float:
    """Standard deviation of the logarithm of an uncut lognormal with this mean and std."""
    return math.sqrt(math.log1p((std / mean) ** 2))


def one_in_a_thousand(mean: float, std: float) -> float:
    """The value that one in a thousand of an uncut lognormal exceeds."""
    sigma = spread(mean, std)
    return mean * math.exp(Z999 * sigma - sigma**2 / 2)


def mass(alpha: float, beta: float) -> float:
    """Share of a standard normal between `alpha` and `beta`, taken in the tail where the digits are."""
    if alpha > 0:
        return 0.5 * (math.erfc(alpha / math.sqrt(2)) - math.erfc(beta / math.sqrt(2)))
    return 0.5 * (math.erfc(-beta / math.sqrt(2)) - math.erfc(-alpha / math.sqrt(2)))


def ends(mu: float, sigma: float, low: float, high: float | None) -> tuple[float, float]:
    """`low` and `high` as standard deviations of the logarithm from `mu`."""
    beta = math.inf if high is None else (math.log(high) - mu) / sigma
    return (math.log(low) - mu) / sigma, beta


def cut_mean(mu: float, sigma: float, low: float, high: float | None) -> float:
    """Mean of exp(N(mu, sigma)) given that it lies between `low` and `high`.

    E[X | a < X < b] = exp(mu + sigma²/2) · (Φ(β − sigma) − Φ(α − sigma)) / (Φ(β) − Φ(α)), with α, β the
    standardised logarithms of a and b (the moment of the doubly truncated lognormal).
    """
    alpha, beta = ends(mu, sigma, low, high)
    return math.exp(mu + sigma**2 / 2) * mass(alpha - sigma, beta - sigma) / mass(alpha, beta)


@lru_cache(maxsize=64)
def location(mean: float, std: float, low: float, high: float | None) -> float:
    """The mu that makes the cut lognormal average `mean`; std ÷ mean gives its spread before the cut.

    Raises ValueError when no lognormal of that spread averages `mean` between `low` and `high`.
    """
    sigma = spread(mean, std)
    left = math.log(low) - _FAR * sigma
    right = math.log(mean) if high is None else math.log(high) + _FAR * sigma
    if cut_mean(left, sigma, low, high) > mean or cut_mean(right, sigma, low, high) < mean:
        ceiling = "" if high is None else f" and {high:g}"
        raise ValueError(f"mean {mean:g} is too near an end for a spread of {std:g} within {low:g}{ceiling}")
    while True:  # the mean grows with mu: bisection until no number lies between
        middle = (left + right) / 2
        if not left < middle < right:
            return middle
        if cut_mean(middle, sigma, low, high) < mean:
            left = middle
        else:
            right = middle


@lru_cache(maxsize=64)
def cut_std(mean: float, std: float, low: float, high: float | None) -> float:
    """Standard deviation after the cut of the lognormal that `location` finds.

    E[X² | a < X < b] = exp(2 mu + 2 sigma²) · (Φ(β − 2 sigma) − Φ(α − 2 sigma)) / (Φ(β) − Φ(α)).
    """
    mu, sigma = location(mean, std, low, high), spread(mean, std)
    alpha, beta = ends(mu, sigma, low, high)
    square = math.exp(2 * (mu + sigma**2)) * mass(alpha - 2 * sigma, beta - 2 * sigma) / mass(alpha, beta)
    return math.sqrt(max(square - mean**2, 0.0))


def mean_and_std_of(*, p50: float, p99: float, low: float, high: float | None) -> tuple[float, float]:
    """(mean after the cut, std before it) of the lognormal with these percentiles before the cut."""
    mu, sigma = math.log(p50), math.log(p99 / p50) / _Z99
    mean = cut_mean(mu, sigma, low, high)
    return mean, mean * math.sqrt(math.expm1(sigma**2))


def quantile(mu: float, sigma: float, low: float, high: float | None, share: float) -> float:
    """The value that `share` of the cut lognormal does not exceed."""
    alpha, beta = ends(mu, sigma, low, high)
    # Measured from the side where the normal's tail keeps its digits.
    if alpha > 0:
        z = -_tail(mass(beta, math.inf) + (1 - share) * mass(alpha, beta))
    else:
        z = _tail(mass(-math.inf, alpha) + share * mass(alpha, beta))
    value = math.exp(mu + sigma * min(max(z, alpha), beta)) if math.isfinite(z) else math.inf
    if z == -math.inf:
        return low
    return max(low, value if high is None else min(value, high))


def _tail(share: float) -> float:
    """The normal quantile, infinite at 0 and 1."""
    from statistics import NormalDist  # its import costs more than reading a profile

    if share <= 0:
        return -math.inf
    return math.inf if share >= 1 else NormalDist().inv_cdf(share)
