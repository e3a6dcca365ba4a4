"""Calibrates intervals: how far predicted deviations must be widened, from figures of models left out.

The true loss cannot be seen; a score shows it with its noise. Averages of many benchmarks have the least
noise, so they say how much wider both must be; single scores then say how wide the noise of their kind is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import get_args

import numpy as np

from advisor.cost.quality.fitting.held_out import HeldOut
from advisor.cost.quality.posterior import DEFAULT_WIDTH, Z90, Distance, Shape, interval_class

COVERAGE = 0.90
_ENOUGH = 40
"""Held-out figures a class needs for a width of its own."""
_COMMON_RANGE, _NOISE_RANGE = (1.0, 4.0), (0.5, 4.0)
"""Bounds of the factors."""
Widths = Mapping[str, tuple[float, float]]


def deviate(h: HeldOut, widths: tuple[float, float]) -> float:
    """The standard normal deviate of a held-out score in its predicted distribution."""
    true, noise = widths
    return h.loss.widened(true).with_noise(noise * h.noise).deviate(h.seen)


def coverage(held: Sequence[HeldOut], widths: tuple[float, float]) -> float:
    """The smaller of two shares of figures inside their interval: by figures, and by base models.

    By base models, n figures of one weigh as the root of n: a new model is what most questions are about,
    a few models have most figures, yet figures of one model are no copies of each other. A conformal one
    more figure than there are is allowed for.
    """
    inside = np.array([abs(deviate(h, widths)) <= Z90 for h in held])
    size = Counter(h.traits.group for h in held)
    shares = []
    for power in (0.0, -0.5):
        weight = np.array([size[h.traits.group] ** power for h in held])
        shares.append(float(weight @ inside / (weight.sum() + weight.mean())))
    return min(shares)


def _least(holds: Callable[[float], float], bounds: tuple[float, float]) -> float:
    """The smallest factor within `bounds` whose intervals hold as many figures as they should."""
    low, high = bounds
    if holds(low) >= COVERAGE:
        return low
    for _ in range(12):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if holds(middle) >= COVERAGE else (middle, high)
    return round(high, 3)


def _common_factor(means: Sequence[HeldOut]) -> float:
    return _least(lambda x: coverage(means, (x, x)), _COMMON_RANGE) if means else DEFAULT_WIDTH[0]


def _noise_factor(figures: Sequence[HeldOut], true: float) -> float:
    return _least(lambda x: coverage(figures, (true, x)), _NOISE_RANGE) if figures else DEFAULT_WIDTH[1]


def calibrated(held: Sequence[HeldOut]) -> dict[str, tuple[float, float]]:
    """Interval class → factors on the deviations of the true loss and of a score's noise.

    A class with few figures takes those of its distance and shape at any bits, or those of its distance.
    """
    levels: dict[str, list[HeldOut]] = defaultdict(list)
    for h in held:
        for level in _levels(interval_class(h.distance, h.shape, h.format)):
            levels[level].append(h)
    out = {}
    for distance in get_args(Distance):
        for bits in ("int4", "int8"):
            true = _common_factor(_figures(levels, interval_class(distance, "average", bits)))
            for shape in get_args(Shape):
                name = interval_class(distance, shape, bits)
                out[name] = (true, _noise_factor(_figures(levels, name), true))
    return out


def _figures(levels: Mapping[str, list[HeldOut]], name: str) -> list[HeldOut]:
    return next((levels[n] for n in _levels(name) if len(levels.get(n, ())) >= _ENOUGH), [])


def _levels(name: str) -> tuple[str, str, str]:
    """A class and the wider ones it borrows from: any bits, any shape."""
    return name, name.rsplit(",", 1)[0], name.split(",", 1)[0]
