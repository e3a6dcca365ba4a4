"""The probability that all limits are kept at once.

Limits share errors: TPOT, E2E and throughput depend on one error, that of the token rate, and under load
the error of TTFT correlates with it. The product of the limits' own probabilities would count such an error
twice, so joint draws of the errors are judged against all limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import erfc
from statistics import NormalDist

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.normal_quantiles import normal_quantile
from advisor.cost.uncertainty.shared_errors import TOKEN_RATE, TTFT

__all__ = ["MEMORY", "RECOVERY", "TOKEN_RATE", "TTFT", "deviate", "keeps_all", "kept_by", "probability"]

RECOVERY = "recovery"
"""What can turn out worse than predicted, beside the token rate (which TPOT, E2E and throughput all follow)
and TTFT: the accuracy. Limits on one of the three are kept or missed together."""
MEMORY = "memory"
"""How much is left for the KV cache, which no other error has a part in."""
DRAWS = 2_048
GOLDEN = (5.0**0.5 - 1.0) / 2.0
"""Steps of this length fill the unit interval evenly, however many there are."""
_BLOCK = 1_024
SQRT2 = 2.0**0.5
_NORMAL = NormalDist()


def deviate(probability: float) -> float:
    """The standard normal deviate that is not exceeded with this probability."""
    return _NORMAL.inv_cdf(probability)


def probability(margin_sd: float) -> float:
    """The probability that a standard normal error is no worse than a margin."""
    return 0.5 * erfc(-margin_sd / SQRT2)


def kept_by(probabilities: Floats, needed: Floats, least_margin_sd: Floats) -> Floats:
    """By how many standard deviations limits are kept with the probability needed; negative: missed.

    Where draws cannot tell their probability from none or from certainty, by the least of their margins.
    """
    told = (probabilities > 1.0 / DRAWS) & (probabilities < 1.0 - 1.0 / DRAWS)
    return np.asarray(
        np.where(told, normal_quantile(probabilities), least_margin_sd) - normal_quantile(needed)
    )


def keeps_all(margins: Mapping[str, Floats], first_token: float) -> Floats:
    """The probability that the errors of each cause stay within its margin, for all causes at once.

    margins: for each cause the least margin of its limits, in standard deviations. first_token: the
    correlation of the error in TTFT with that in the token rate. The errors in accuracy and in memory are
    independent of both.
    """
    kept = _speed(margins.get(TOKEN_RATE), margins.get(TTFT), first_token)
    for independent in (RECOVERY, MEMORY):
        margin = margins.get(independent)
        if margin is not None:
            kept = np.asarray(kept * probabilities(margin))
    return kept


def probabilities(margins_sd: Floats) -> Floats:
    """`probability` of each margin."""
    found = np.where(margins_sd > 0, 1.0, 0.0)
    # Most margins of memory are infinite: those need no error function.
    finite = np.isfinite(margins_sd)
    found[finite] = [probability(margin) for margin in margins_sd[finite].tolist()]
    return np.asarray(found)


def _speed(slow: Floats | None, ttft: Floats | None, first_token: float) -> Floats:
    if slow is None or ttft is None:
        only = ttft if slow is None else slow
        return np.ones(()) if only is None else probabilities(only)
    rate, first = _draws(first_token)
    columns = np.stack([slow.ravel(), ttft.ravel()])
    # In blocks: all margins beside all draws would fill the memory of a small machine.
    kept = np.empty(columns.shape[1])
    for start in range(0, len(kept), _BLOCK):
        some = columns[:, start : start + _BLOCK, None]
        kept[start : start + _BLOCK] = np.count_nonzero((rate <= some[0]) & (first <= some[1]), axis=1)
    # Both are kept no more often than either: draws know that to half a per cent alone.
    either = np.minimum(probabilities(slow), probabilities(ttft))
    return np.asarray(np.minimum((kept / DRAWS).reshape(slow.shape), either))


@lru_cache(maxsize=8)
def _draws(first_token: float) -> tuple[Floats, Floats]:
    """Standard normal errors of the token rate and of TTFT, evenly spread, with this correlation."""
    steps = np.arange(DRAWS)
    rate = np.array([deviate(u) for u in ((steps + 0.5) / DRAWS).tolist()])
    other = np.array([deviate(u) for u in ((steps * GOLDEN + 0.5) % 1.0).tolist()])
    first = first_token * rate + (1.0 - first_token**2) ** 0.5 * other
    return rate.astype(np.float32), first.astype(np.float32)
