"""Which cells would improve the fit most if they were measured (optimal design)."""

from __future__ import annotations

import numpy as np

from advisor.cost.array_table import Floats


def most_informative(
    slopes: Floats, noise: Floats, curvature: Floats, count: int, *, of_interest: np.ndarray | None = None
) -> list[int]:
    """Positions of the `count` cells whose measurement would narrow the predictions most; greedily.

    slopes: derivative of each cell's log prediction by Theta, (cells, Theta). noise: expected scatter of a
    measurement, log units, (cells,). curvature: of the loss at the fit, (Theta, Theta), the inverse of what
    is not known of Theta. of_interest: mask of the cells whose predictions matter; all by default. What is
    summed is the variance of their predictions (A-optimal design); each choice takes the ones before it as
    measured.
    """
    covariance = np.linalg.inv(curvature)
    wanted = slopes if of_interest is None else slopes[of_interest]
    chosen: list[int] = []
    for _ in range(min(count, len(slopes))):
        spread = slopes @ covariance
        own = np.einsum("ij,ij->i", spread, slopes)
        shared = spread @ wanted.T
        gain = (shared**2).sum(axis=1) / (own + noise**2)
        gain[chosen] = -np.inf
        best = int(np.argmax(gain))
        chosen.append(best)
        covariance = covariance - np.outer(spread[best], spread[best]) / (own[best] + noise[best] ** 2)
    return chosen
