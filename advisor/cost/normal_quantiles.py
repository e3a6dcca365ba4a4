"""Quantiles of the standard normal distribution for arrays; for single numbers `statistics.NormalDist` has
them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advisor.cost.array_table import Floats

# Wichura's algorithm AS 241 (1988), exact to double precision between the shares of `_LEAST` and its mirror
# image.
_LEAST = 1e-9
_NEAR = (
    (3.3871328727963666080, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)  # fmt: skip
_FAR = (
    (1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
     1.27045825245236838258, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9),
)  # fmt: skip
_NEAR_HALF = 0.425
"""Distance from 0.5 up to which the first ratio holds."""


def normal_quantile(share: Floats) -> Floats:
    """Where the standard normal distribution reaches each share; shares beyond 1e-9 of either end count as
    there."""
    share = np.clip(share, _LEAST, 1.0 - _LEAST)
    off = share - 0.5
    square = _NEAR_HALF**2 - off**2
    near = off * _ratio(_NEAR, square)
    root = np.sqrt(-np.log(np.minimum(share, 1.0 - share))) - 1.6
    return np.asarray(np.where(square >= 0, near, np.sign(off) * _ratio(_FAR, root)))


def median_of_largest(count: Floats) -> Floats:
    """Median of the largest of `count` independent standard normal numbers; 0 for one."""
    return normal_quantile(0.5 ** (1.0 / np.maximum(count, 1.0)))


def _ratio(of: tuple[Sequence[float], Sequence[float]], x: Floats) -> Floats:
    above, below = (_polynomial(coefficients, x) for coefficients in of)
    return above / below


def _polynomial(coefficients: Sequence[float], x: Floats) -> Floats:
    """Lowest power first."""
    value = np.zeros_like(x)
    for coefficient in reversed(coefficients):
        value = value * x + coefficient
    return value
