"""The probability that all limits are kept at once.

Limits share errors: TPOT, E2E and throughput depend on one error, that of the token rate, and under load
the error of TTFT correlates with it. The product of the limits' own probabilities would count such an error
twice, so joint draws of the errors are judged against all limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from advisor.cost.arrays import Floats
from advisor.cost.uncertainty.shared_errors import TOKEN_RATE, TTFT

__all__ = ["RECOVERY", "TOKEN_RATE", "TTFT", "deviate", "keeps_all", "probability"]

RECOVERY = "recovery"
"""What can turn out worse than predicted, beside the token rate (which TPOT, E2E and throughput all follow)
and TTFT: the accuracy. Limits on one of the three are kept or missed together."""
DRAWS = 2_048
GOLDEN = (5.0**0.5 - 1.0) / 2.0
"""Steps of this length fill the unit interval evenly, however many there are."""
_BLOCK = 1_024
_NORMAL = NormalDist()


def deviate(probability: float) -> float:
    """The standard normal deviate that is not exceeded with this probability."""
    return _NORMAL.inv_cdf(probability)


def probability(margin_sd: float) -> float:
    """The probability that a standard normal error is no worse than a margin."""
    return _NORMAL.cdf(margin_sd)


def keeps_all(margins: Mapping[str, Floats], first_token: float) -> Floats:
    """The probability that the errors of each cause stay within its margin, for all causes at once.

    margins: for each cause the least margin of its limits, in standard deviations. first_token: the
    correlation of the error in TTFT with that in the token rate. The error in accuracy is independent of
    both.
    """
    speed = _speed(margins.get(TOKEN_RATE), margins.get(TTFT), first_token)
    recovery = margins.get(RECOVERY)
    if recovery is None:
        return speed
    levels, place = np.unique(recovery, return_inverse=True)
    each = np.array([probability(level) for level in levels.tolist()])[place].reshape(recovery.shape)
    return np.asarray(each if speed.ndim == 0 else speed * each)


def _speed(slow: Floats | None, ttft: Floats | None, first_token: float) -> Floats:
    if slow is None and ttft is None:
        return np.ones(())
    shape = (ttft if slow is None else slow).shape  # type: ignore[union-attr]
    rate, first = _draws(first_token)
    none = np.full(shape, np.inf)
    slow, ttft = (none if margin is None else margin for margin in (slow, ttft))
    columns = np.stack([slow.ravel(), ttft.ravel()])
    # Many deployments have no limit on one of the two, or one that is never near: look at each margin once.
    kept = np.empty(columns.shape[1])
    for start in range(0, len(kept), _BLOCK):
        some = columns[:, start : start + _BLOCK, None]
        kept[start : start + _BLOCK] = np.count_nonzero((rate <= some[0]) & (first <= some[1]), axis=1)
    return (kept / DRAWS).reshape(shape)


@lru_cache(maxsize=8)
def _draws(first_token: float) -> tuple[Floats, Floats]:
    """Standard normal errors of the token rate and of TTFT, evenly spread, with this correlation."""
    steps = np.arange(DRAWS)
    rate = np.array([deviate(u) for u in ((steps + 0.5) / DRAWS).tolist()])
    other = np.array([deviate(u) for u in ((steps * GOLDEN + 0.5) % 1.0).tolist()])
    first = first_token * rate + (1.0 - first_token**2) ** 0.5 * other
    return rate.astype(np.float32), first.astype(np.float32)
