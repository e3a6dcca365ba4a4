"""How wide intervals are: factors on the predicted deviations, by classes of what is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from advisor.cost.quality.expected_loss import BASE_FORMAT, FOUR_BIT

Shape = Literal["average", "choice", "generated", "worked"]
"""A mean of several benchmarks, or the kind of a single one: their errors have different tails."""
FP4 = "FP4"
_ONE_CLASS = {"nvfp4": FP4, "mxfp4": FP4, "kv-fp8": "KV cache"}
USUAL_TRUE, USUAL_NOISE = 1.2, 0.7
"""Factors on the standard deviations of the true loss and of the noise where few figures were held out."""


def _bits(format: str) -> str:
    return "4 bits" if format in FOUR_BIT else "8 bits"


def true_classes(distance: str, format: str, *, sparse: bool) -> tuple[str, ...]:
    """What the true loss's width is grouped by, the finest first: how far from evidence, whether the model is
    a mixture of experts, how many bits; each class is part of the next."""
    return _nested(distance, "mixtures" if sparse else "dense", _bits(format))


def noise_classes(distance: str, shape: Shape, format: str) -> tuple[str, ...]:
    """What a score's noise is grouped by, the finest first: how far from evidence, what is asked, how many
    bits, which format; each class is part of the next."""
    base = BASE_FORMAT.get(format, format)
    return _nested(distance, shape, _bits(format), _ONE_CLASS.get(base, base))


def _nested(*parts: str) -> tuple[str, ...]:
    return tuple(", ".join(parts[:count]) for count in range(len(parts), 0, -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """Factors on the deviations, by class, from held-out figures."""

    true: Mapping[str, float] = field(default_factory=dict)
    noise: Mapping[str, float] = field(default_factory=dict)

    def of_true(self, distance: str, format: str, *, sparse: bool) -> float:
        """The factor on the standard deviation of the true loss, of the finest class with any."""
        names = true_classes(distance, format, sparse=sparse)
        return next((self.true[name] for name in names if name in self.true), USUAL_TRUE)

    def of_noise(self, distance: str, shape: Shape, format: str) -> float:
        """The factor on the standard deviation of a score's noise, of the finest class with any."""
        names = noise_classes(distance, shape, format)
        return next((self.noise[name] for name in names if name in self.noise), USUAL_NOISE)
