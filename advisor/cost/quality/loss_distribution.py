"""The distributions of a relative loss and of a score that shows it.

A loss is skewed, since quantization takes far more than it ever gives: a shifted lognormal, given by its
mean, standard deviation and skewness. Its three moments add up over independent parts: benchmarks of an
average, weights and KV cache, the true loss and noise. A score's noise is not normal: most scores are near
the true loss, and some far out, by a misprint, another prompt or another run of the 16-bit model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_NORMAL = NormalDist()
_LOG_ROOT = 0.5 * math.log(2.0 * math.pi)
_SYMMETRIC = 1e-3
"""Skewness under which the normal distribution stands in: the lognormal's shift would be a large number."""
MAX_SKEWNESS = 6.0
"""A lognormal whose standard deviation is 1.4 times its mean above the shift: rarer losses are not judged."""
FAR_SHARE, FAR = 0.2, 4.0
"""One score in five has four times the noise of the others. Scores of models left out are likelier so than
with normal noise of any size (checkpoint means by e^16, single scores by e^200), and as many lie inside the
true loss's interval as this lets expect."""
_CERTAIN = 1e-15
_HALVINGS = 48
"""Halvings that find a quantile: a number's own precision."""


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
    def interval(self) -> tuple[float, float]:
        """Ends of the 90 % interval."""
        return self.quantile(0.05), self.quantile(0.95)

    @property
    def width(self) -> float:
        """Width of the 90 % interval."""
        low, high = self.interval
        return high - low

    def at(self, z: Floats) -> Floats:
        """The losses at standard normal deviates: draws of the loss, for draws of `z`."""
        if self.sd == 0.0 or self.skewness < _SYMMETRIC:
            return np.asarray(self.mean + self.sd * z)
        shift, location, scale = self._shape()
        return np.asarray(shift + np.exp(location + scale * z))

    def deviate(self, loss: float) -> float:
        """The standard normal deviate up to which the loss is at most `loss`: the inverse of `at`; infinite
        where the loss is known (BF16 loses exactly nothing)."""
        if self.sd == 0.0:
            return math.inf if loss >= self.mean else -math.inf
        if self.skewness < _SYMMETRIC:
            return (loss - self.mean) / self.sd
        shift, location, scale = self._shape()
        return (math.log(loss - shift) - location) / scale if loss > shift else -math.inf

    def probability_at_most(self, loss: float) -> float:
        """The probability that the loss is no larger than `loss`."""
        return _NORMAL.cdf(self.deviate(loss))

    def log_density(self, loss: float) -> float:
        """Natural logarithm of the density at `loss`; minus infinity below the least loss; sd > 0."""
        z = self.deviate(loss)
        if math.isinf(z):
            return -math.inf
        if self.skewness < _SYMMETRIC:
            return -0.5 * z**2 - math.log(self.sd) - _LOG_ROOT
        shift, _, scale = self._shape()
        return -0.5 * z**2 - math.log(scale * (loss - shift)) - _LOG_ROOT

    def widened(self, factor: float) -> LossDistribution:
        """This distribution with `factor` times the standard deviation; mean and skewness stay."""
        return LossDistribution(mean=self.mean, sd=self.sd * factor, skewness=self.skewness)

    def with_noise(self, noise_sd: float) -> LossDistribution:
        """The loss that a score shows whose own, normal error has this standard deviation."""
        return weighted_sum([(1.0, self), (1.0, LossDistribution(mean=0.0, sd=noise_sd))])


@dataclass(frozen=True, kw_only=True)  # no slots: the ends of its interval are found once
class ScoreDistribution:
    """The loss that a published score shows: the true one and noise that is now and then large."""

    true: LossDistribution
    noise_sd: float
    """Standard deviation of the noise of most scores."""

    def _parts(self) -> tuple[tuple[float, LossDistribution], tuple[float, LossDistribution]]:
        """Most scores and those far out, with the share of each."""
        return (
            (1.0 - FAR_SHARE, self.true.with_noise(self.noise_sd)),
            (FAR_SHARE, self.true.with_noise(FAR * self.noise_sd)),
        )

    def probability_at_most(self, loss: float) -> float:
        """The probability that the loss shown is no larger than `loss`."""
        return sum(share * part.probability_at_most(loss) for share, part in self._parts())

    def log_density(self, loss: float) -> float:
        """Natural logarithm of the density at `loss`."""
        logs = [math.log(share) + part.log_density(loss) for share, part in self._parts()]
        top = max(logs)
        return top if math.isinf(top) else top + math.log(sum(math.exp(one - top) for one in logs))

    def deviate(self, loss: float) -> float:
        """The standard normal deviate of the share of scores that show no more than `loss`."""
        return _NORMAL.inv_cdf(min(max(self.probability_at_most(loss), _CERTAIN), 1.0 - _CERTAIN))

    def quantile(self, level: float) -> float:
        """The loss that a share `level` of scores show less than; 0 < level < 1."""
        parts = self._parts()
        ends = [part.quantile(level) for _, part in parts]
        low, high = min(ends), max(ends)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2.0
            below = sum(share * part.probability_at_most(middle) for share, part in parts)
            low, high = (middle, high) if below < level else (low, middle)
        return high

    @cached_property
    def interval(self) -> tuple[float, float]:
        """Ends of the 90 % interval."""
        return self.quantile(0.05), self.quantile(0.95)

    @property
    def width(self) -> float:
        """Width of the 90 % interval."""
        low, high = self.interval
        return high - low

    def shown(self, true: Floats, rng: np.random.Generator) -> Floats:
        """What scores of true losses show: these with drawn noise."""
        far = np.where(rng.random(np.shape(true)) < FAR_SHARE, FAR, 1.0)
        return np.asarray(true + self.noise_sd * far * rng.standard_normal(np.shape(true)))


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
