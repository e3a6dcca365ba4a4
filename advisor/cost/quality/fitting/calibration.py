"""Calibrates intervals of accuracy as those of speed: quantiles of held-out errors by class (`conformal`).

An error is how many times wider the predicted deviations must be for a figure to lie on the edge of its
interval. The true loss cannot be seen; a score shows it with its noise. Averages of many benchmarks have the
least noise, so they say how much wider both must be; single scores then say how wide the noise of their kind
is. A class is part of a wider one, and drawn towards it by its number of base models; the last factor
makes nine of ten figures lie inside when each base model is judged by the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from advisor.cost.arrays import Floats
from advisor.cost.quality.fitting.held_out import HeldOut
from advisor.cost.quality.posterior import Z90
from advisor.cost.quality.widths import DEFAULT_WIDTH, FP4, interval_classes, width_in
from advisor.cost.uncertainty.conformal import Tree, numbered

_RANGE = (0.1, 8.0)
"""Bounds of a factor on deviations."""
_HALVINGS = 14
Widths = Mapping[str, tuple[float, float]]


def deviate(h: HeldOut, widths: tuple[float, float]) -> float:
    """The standard normal deviate of a held-out score in its predicted distribution."""
    true, noise = widths
    return h.loss.widened(true).with_noise(noise * h.noise).deviate(h.seen)


def needed(h: HeldOut, true: float | None = None) -> float:
    """The factor with which a figure lies on the edge of its interval.

    It widens both deviations, or with `true`, the factor on that of the true loss, the noise alone.
    """
    low, high = _RANGE
    for _ in range(_HALVINGS):
        middle = (low * high) ** 0.5
        inside = abs(deviate(h, (middle if true is None else true, middle))) <= Z90
        low, high = (low, middle) if inside else (middle, high)
    return high


def calibrated(held: Sequence[HeldOut]) -> dict[str, tuple[float, float]]:
    """Interval class → factors on the deviations of the true loss and of a score's noise."""
    means = [h for h in held if h.average]
    common = _factors(means, np.array([needed(h) for h in means]))
    out = {name: (factor, factor) for name, factor in common.items()}
    singles = [h for h in held if not h.average]
    true = [width_in(out, h.distance, "average", h.format)[0] for h in singles]
    errors = [needed(h, own) for h, own in zip(singles, true, strict=True)]
    noise = _factors(singles, np.array(errors))
    for h in singles:
        of_means = interval_classes(h.distance, "average", h.format)
        for i, name in enumerate(_classes(h)):
            if name in noise:
                wide = next((common[n] for n in of_means[i:] if n in common), DEFAULT_WIDTH[0])
                out[name] = (wide, noise[name])
    return out


def _factors(figures: Sequence[HeldOut], errors: Floats) -> dict[str, float]:
    """Class → factor that holds nine of ten errors, drawn towards that of the class around it."""
    if not figures:
        return {}
    members = [_classes(h) for h in figures]
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


def _classes(h: HeldOut) -> tuple[str, ...]:
    return interval_classes(h.distance, h.shape, h.format)


def _scale(name: str) -> tuple[str, bool]:
    """Classes of one scale share the last factor; FP4 is known less well and has its own, as in speed."""
    return name.split(", ")[0], name.endswith(FP4)


def _parent(name: str) -> str | None:
    return name.rpartition(", ")[0] or None
