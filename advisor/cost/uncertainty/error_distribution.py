"""How errors are distributed inside and beyond their 90 % interval.

Held-out errors in units of their interval have heavier tails than a normal distribution and a narrower
middle: those of Student's t with three degrees of freedom, scaled so that nine of ten are inside. A limit
far from the prediction is kept less surely than a normal distribution says, one near it more.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.normal_quantiles import normal_quantile
from advisor.cost.uncertainty.conformal import Z90

T90 = 2.3533634348
"""95 % quantile of Student's t with three degrees of freedom."""
MAX_SCORE = 4.5
"""Standard normal values beyond this count as this: one in 300,000."""


def probability_below(margin_sd: Floats) -> Floats:
    """Probability that an error is below each margin, in units in which the interval ends at ±1.645."""
    scaled = np.asarray(margin_sd, dtype=np.float64) * (T90 / Z90 / np.sqrt(3.0))
    finite = np.clip(scaled, -1e9, 1e9)
    return np.asarray(0.5 + (finite / (1.0 + finite**2) + np.arctan(finite)) / np.pi)


def normal_score(margin_sd: Floats) -> Floats:
    """The standard normal value that is exceeded as rarely as each margin; infinite margins stay infinite."""
    margin = np.asarray(margin_sd, dtype=np.float64)
    score = np.clip(normal_quantile(probability_below(margin)), -MAX_SCORE, MAX_SCORE)
    return np.asarray(np.where(np.isfinite(margin), score, margin))


def error_of_score(score: Floats) -> Floats:
    """The margin whose `normal_score` each score is."""
    scores, margins = _table()
    return np.interp(score, scores, margins)


@lru_cache(maxsize=1)
def _table() -> tuple[Floats, Floats]:
    """(scores, margins) on a grid that is fine in the middle."""
    margins = np.sinh(np.linspace(-5.0, 5.0, 4_001))
    scores = normal_quantile(probability_below(margins))
    return scores, margins
