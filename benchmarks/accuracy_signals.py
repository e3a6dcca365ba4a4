"""What carries signal on accuracy beyond the format: held-out error without one kind of factor at a time.

    python benchmarks/accuracy_signals.py

Whole base models are left out. The spread is that of the fit that ships, so that only the factor changes.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from advisor.cost.quality.expected_loss import Key
from advisor.cost.quality.fitting.estimator import LossRegressor
from advisor.cost.quality.fitting.held_out_errors import base_model_of, guesses, is_checkpoint_mean
from advisor.cost.quality.fitting.held_out_predictions import HeldOut, models_out
from advisor.cost.quality.quality_model import QualityModel
from advisor.record.prior_constants import read_accuracy_constants
from advisor.shipped_files import shipped

NOTHING = (0.0, 1e-3)
"""Mean and deviation of the logarithm of a factor that may not move."""
LEFT_OUT = {
    "nothing": (),
    "size": ("size", "size curve", "size by format", "sparsity"),
    "the curve of size": ("size curve",),
    "the effective size of mixtures": ("sparsity",),
    "family": ("family", "activations by family"),
    "family of formats that round activations": ("activations by family",),
    "algorithm and maker": ("algorithm", "recipe", "algorithm by benchmark family"),
    "maker": ("recipe",),
    "task": (
        *("benchmark family", "benchmark", "format by benchmark family"),
        "algorithm by benchmark family",
    ),
    "context": ("context",),
}


def held_out(regressor: LossRegressor, sections: Iterable[str]) -> list[HeldOut]:
    """Figures of models left out by a fit in which the factors of some sections are 1."""
    keys = regressor.problem_.index
    frozen: dict[Key, tuple[float, float]] = {key: NOTHING for key in keys if key[0] in set(sections)}
    priors = {**(regressor.priors or {}), **frozen}
    fit = LossRegressor(regressor.spread_, priors=priors, noise=regressor.noise_)
    return models_out(fit.fit(regressor.problem_.cells))


def main() -> None:
    shipped_fit = QualityModel.shipped().fitted
    constants = read_accuracy_constants(shipped("measurements"))
    priors = {one.factor: (one.value, one.sd) for one in constants}
    noise = shipped_fit.noise_ratios
    regressor = LossRegressor(shipped_fit.spread, priors=priors, noise=noise).fit(shipped_fit.cells)
    for name, sections in LEFT_OUT.items():
        held = held_out(regressor, sections)
        means = [h for h in held if is_checkpoint_mean(h)]
        singles = [h for h in held if not h.average]
        known = [
            abs(h.seen - g)
            for h, g in zip(means, guesses(means, base_model_of), strict=True)
            if g is not None
        ]
        by_format = {
            f: np.mean([abs(h.error) for h in means if h.format == f])
            for f in ("fp8", "int8", "int4", "nvfp4")
        }
        print(
            f"without {name:42s} means {_points(means):.3f} (format's mean {100 * np.mean(known):.3f}) "
            f"single scores {_points(singles):.3f} "
            + " ".join(f"{f} {100 * error:.3f}" for f, error in by_format.items()),
            flush=True,
        )


def _points(held: list[HeldOut]) -> float:
    return float(100 * np.mean([abs(h.error) for h in held]))


if __name__ == "__main__":
    main()
