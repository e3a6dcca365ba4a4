"""The distribution of a relative loss: skewed, since quantization takes far more than it ever gives.

A shifted lognormal, given by its mean, standard deviation and skewness. Its three moments add up over
independent parts: benchmarks of an average, weights and KV cache, the true loss and a new score's noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_NORMAL = NormalDist()
_SYMMETRIC = 1e-3
"""Skewness under which the normal distribution stands in: the lognormal's shift would be a large number."""
MAX_SKEWNESS = 6.0
"""A lognormal whose standard deviation is 1.4 times its mean above the shift: rarer losses are not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossDistribution:
    """A loss, 1 - recovery, with the distribution of its error."""

    mean: float
    sd: float
    skewness: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and self.sd >= 0 and 0 <= self.skewness <= MAX_SKEWNESS):
            raise ValueError(f"no loss has mean {self.mean}, deviation {self.sd}, skewness {self.skewness}")

    @staticmethod
    def above(least: float, *, mean: float, sd: float) -> LossDistribution:
        """The distribution that no loss under `least` has; `mean` lies above it."""
        ratio = sd / max(mean - least, 1e-9)
        return LossDistribution(mean=mean, sd=sd, skewness=min(3.0 * ratio + ratio**3, MAX_SKEWNESS))

    @property
    def _log_variance(self) -> float:
        """Variance of the logarithm of the lognormal with this skewness."""
        half = 1.0 + self.skewness**2 / 2.0
        root = (half + math.sqrt(half**2 - 1.0)) ** (1.0 / 3.0)
        return math.log(root + 1.0 / root - 1.0)

    def _shape(self) -> tuple[float, float, float]:
        """Shift, location and scale of loss = shift + exp(location + scale · z)."""
        variance = self._log_variance
        above = self.sd / math.sqrt(math.expm1(variance))
        return self.mean - above, math.log(above) - variance / 2.0, math.sqrt(variance)

    def quantile(self, level: float) -> float:
        """The loss that a share `level` of the distribution lies below; 0 < level < 1."""
        z = _NORMAL.inv_cdf(level)
        return float(self.at(np.array([z]))[0])

    @property
    def width(self) -> float:
        """Width of the 90 % interval."""
        return self.quantile(0.95) - self.quantile(0.05)

    def at(self, z: Floats) -> Floats:
        """The losses at standard normal deviates: draws of the loss, for draws of `z`."""
        if self.sd == 0.0 or self.skewness < _SYMMETRIC:
            return np.asarray(self.mean + self.sd * z)
        shift, location, scale = self._shape()
        return np.asarray(shift + np.exp(location + scale * z))

    def deviate(self, loss: float) -> float:
        """The standard normal deviate at which the loss is `loss`: the inverse of `at`."""
        if self.sd == 0.0:
            return math.copysign(math.inf, loss - self.mean) if loss != self.mean else 0.0
        if self.skewness < _SYMMETRIC:
            return (loss - self.mean) / self.sd
        shift, location, scale = self._shape()
        return (math.log(loss - shift) - location) / scale if loss > shift else -math.inf

    def probability_at_most(self, loss: float) -> float:
        """The probability that the loss is no larger than `loss`."""
        z = self.deviate(loss)
        return 1.0 if z == 0.0 and self.sd == 0.0 else _NORMAL.cdf(z)

    def widened(self, factor: float) -> LossDistribution:
        """This distribution with `factor` times the standard deviation; mean and skewness stay."""
        return LossDistribution(mean=self.mean, sd=self.sd * factor, skewness=self.skewness)

    def with_noise(self, noise_sd: float) -> LossDistribution:
        """The loss that a score shows whose own, symmetric error has this standard deviation."""
        return weighted_sum([(1.0, self), (1.0, LossDistribution(mean=0.0, sd=noise_sd))])


def weighted_sum(parts: Sequence[tuple[float, LossDistribution]]) -> LossDistribution:
    """The distribution of a weighted sum of independent losses; weights are not negative."""
    mean = sum(weight * part.mean for weight, part in parts)
    variance = sum((weight * part.sd) ** 2 for weight, part in parts)
    third = sum(part.skewness * (weight * part.sd) ** 3 for weight, part in parts)
    skewness = third / variance**1.5 if variance > 0 else 0.0
    return LossDistribution(mean=mean, sd=math.sqrt(variance), skewness=min(skewness, MAX_SKEWNESS))


LEAST_LOSS = -0.005
"""Quantization makes a model better only by chance: no true loss lies below this."""


def true_loss(mean: float, sd: float) -> LossDistribution:
    """The distribution of a true loss, skewed towards larger ones."""
    return LossDistribution.above(LEAST_LOSS, mean=max(mean, LEAST_LOSS + 1e-4), sd=sd)


def answered(loss: LossDistribution) -> float:
    """The loss that is answered: the median; no gain where a loss is expected."""
    return max(loss.quantile(0.5), min(loss.mean, 0.0))
