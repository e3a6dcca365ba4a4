"""Calibrates intervals of accuracy on held-out figures: factors on the predicted deviations, by class.

The true loss cannot be seen; a score shows it with its noise. How wide it is, is what makes the scores of
averages, which have the least noise, likely. A class is part of a wider one and drawn towards it, and a
factor known from few base models makes wider, as Student's t does. How much noise is then what nine of ten
figures need to lie inside, each base model judged by the others, as with intervals of speed (`conformal`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.stats import t as student

from advisor.cost.array_table import Floats, Ints
from advisor.cost.quality.fitted_accuracy import Z90
from advisor.cost.quality.fitting.held_out_predictions import HeldOut
from advisor.cost.quality.interval_widths import FP4, USUAL_NOISE, Widths, noise_classes, true_classes
from advisor.cost.quality.loss_distribution import ScoreDistribution
from advisor.cost.uncertainty.conformal import PRIOR_GROUPS, Sample, Tree, numbered

_RANGE = (0.1, 8.0)
"""Bounds of a factor on noise."""
_HALVINGS = 14
_TRUE = tuple(math.exp(0.1 * step) for step in range(-12, 13))
_NOISE = tuple(math.exp(0.25 * step) for step in range(-6, 4))
"""Factors that are tried on the true loss's deviation and on the noise beside it."""
_TRUE_SPREAD, _NOISE_SPREAD = 0.2, 0.5
"""Before any figure counts: standard deviation of the logarithm of a class's factor on the true loss around
that of the wider class, and of the one on noise around the usual."""


def score_of(h: HeldOut, true: float, noise: float) -> ScoreDistribution:
    """The predicted distribution of a held-out score, with these factors on its deviations."""
    return ScoreDistribution(true=h.loss.widened(true), noise_sd=noise * h.noise)


def deviate(h: HeldOut, true: float, noise: float) -> float:
    """The standard normal deviate of a held-out score in its predicted distribution."""
    return score_of(h, true, noise).deviate(h.seen)


def needed(h: HeldOut, true: float) -> float:
    """The factor on the noise with which a figure lies on the edge of its interval."""
    low, high = _RANGE
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        inside = abs(deviate(h, true, middle)) <= Z90
        low, high = (low, middle) if inside else (middle, high)
    return high


def calibrated(held: Sequence[HeldOut]) -> Widths:
    """Factors on the deviations of the true loss and of a score's noise, by class."""
    widths = Widths(true=_true_factors([h for h in held if h.average]))
    noise: dict[str, float] = {}
    for average in (True, False):
        figures = [h for h in held if h.average == average]
        errors = [needed(h, true_factor(widths, h)) for h in figures]
        # The widest class holds both: what single scores, which are more, say of it stands.
        noise |= _noise_factors(figures, np.array(errors))
    return Widths(true=widths.true, noise=noise)


def true_factor(widths: Widths, h: HeldOut) -> float:
    """The factor on the true loss's deviation that a held-out figure has."""
    return widths.of_true(h.distance, h.format, sparse=h.traits.sparse)


def _true_factors(averages: Sequence[HeldOut]) -> dict[str, float]:
    """Class → factor on the true loss's deviation: its mean logarithm given the scores of averages."""
    shown = Counter(map(_checkpoint, averages))
    # Averages of one checkpoint are of the same scores: together they count as one figure.
    tables = [_likelihoods(h) / shown[_checkpoint(h)] for h in averages]
    members = [true_classes(h.distance, h.format, sparse=h.traits.sparse) for h in averages]
    groups = numbered([h.traits.group for h in averages])
    usual = (np.log(np.array(_NOISE) / USUAL_NOISE) / _NOISE_SPREAD) ** 2 / 2.0
    tried = np.log(np.array(_TRUE))
    found: dict[str, float] = {}
    for name in sorted(
        {name for names in members for name in names}, key=lambda name: (name.count(","), name)
    ):
        rows = [i for i, names in enumerate(members) if name in names]
        around = found.get(name.rpartition(", ")[0], 0.0)
        table = np.sum([tables[i] for i in rows], axis=0) - usual[None, :]
        table = table - ((tried - around) / _TRUE_SPREAD)[:, None] ** 2 / 2.0
        weight = np.exp(table - table.max()).sum(axis=1)
        found[name] = float(weight @ tried / weight.sum())
    return {
        name: round(math.exp(log) * _few(groups[[i for i, names in enumerate(members) if name in names]]), 3)
        for name, log in found.items()
    }


def _few(groups: Ints) -> float:
    """Student's t over the normal deviate: a width that few base models tell is itself uncertain."""
    known = Sample(np.zeros(len(groups)), numbered(groups)).effective_groups()
    return float(student.ppf(0.95, known + PRIOR_GROUPS)) / Z90


def _checkpoint(h: HeldOut) -> tuple[str, ...]:
    return h.traits.key, h.format, h.algorithm, h.publisher, h.distance


@lru_cache(maxsize=4096)
def _likelihoods(h: HeldOut) -> Floats:
    """Logarithm of the likelihood of a figure, by the factors tried on the true loss and on the noise."""
    return np.array([[score_of(h, true, noise).log_density(h.seen) for noise in _NOISE] for true in _TRUE])


def _noise_factors(figures: Sequence[HeldOut], errors: Floats) -> dict[str, float]:
    """Class → factor that holds nine of ten errors, drawn towards that of the class around it."""
    if not figures:
        return {}
    members = [noise_classes(h.distance, h.shape, h.format) for h in figures]
    groups = numbered([h.traits.group for h in figures])
    # Errors count on both sides, so that both ends of their 90 % range are the quantile of their size.
    tree = Tree(
        errors=np.concatenate([errors, -errors]),
        groups=np.concatenate([groups, groups]),
        members=[*members, *members],
        parent=_parent,
    )
    made = tree.calibrated(_scale)
    return {name: round(float(np.clip(ends.high, *_RANGE)), 3) for name, ends in made.items()}


def _scale(name: str) -> tuple[str, bool]:
    """Classes of one scale share the last factor; FP4 is known less well and has its own, as in speed."""
    return name.split(", ")[0], name.endswith(FP4)


def _parent(name: str) -> str | None:
    return name.rpartition(", ")[0] or None
