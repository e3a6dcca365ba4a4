"""What 16-bit models of a size usually score on a benchmark: how much of a score lies above guessing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from advisor.cost.quality.fitted_accuracy import raw_baseline
from advisor.cost.quality.scores_to_losses import Cell


def usual_baselines(cells: Sequence[Cell]) -> dict[str, tuple[float, float]]:
    """BF16 score by size, per benchmark: a line in the logit, its slope drawn towards 0.3 per factor e."""
    points: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
    for c in cells:
        score = min(max(raw_baseline(c), 0.02), 0.98)
        points[c.benchmark][c.traits.key] = (
            float(np.log(c.traits.params_b / 8.0)),
            float(np.log(score / (1.0 - score))),
        )
    out = {}
    for name in sorted(points):
        x, y = np.array(list(points[name].values())).T
        about = x - x.mean()
        slope = (float(about @ y) + 0.3 * 5.0) / (float(about @ about) + 5.0)
        out[name] = (round(float(y.mean() - slope * x.mean()), 4), round(slope, 4))
    return out
