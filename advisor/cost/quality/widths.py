"""How wide intervals are: factors on the predicted deviations, by classes of what is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from advisor.cost.quality.expected_loss import BASE_FORMAT, FOUR_BIT

Shape = Literal["average", "choice", "generated", "worked"]
"""A mean of several benchmarks, or the kind of a single one: their errors have different tails."""
FP4 = "FP4"
_ONE_CLASS = {"nvfp4": FP4, "mxfp4": FP4, "kv-fp8": "KV cache"}
DEFAULT_WIDTH = (1.2, 1.2)
"""Factors on the standard deviations of the true loss and of the noise where few figures were held out."""


def interval_classes(distance: str, shape: Shape, format: str) -> tuple[str, ...]:
    """What interval widths are grouped by, the finest first: how far from evidence, what is asked, how
    many bits, which format; each class is part of the next."""
    base = BASE_FORMAT.get(format, format)
    parts = (distance, shape, "4 bits" if format in FOUR_BIT else "8 bits", _ONE_CLASS.get(base, base))
    return tuple(", ".join(parts[:count]) for count in range(len(parts), 0, -1))


def width_in(
    widths: Mapping[str, tuple[float, float]], distance: str, shape: Shape, format: str
) -> tuple[float, float]:
    """Factors on the deviations of the true loss and of a score's noise, of the finest class with any."""
    known = (widths[name] for name in interval_classes(distance, shape, format) if name in widths)
    return next(known, DEFAULT_WIDTH)
