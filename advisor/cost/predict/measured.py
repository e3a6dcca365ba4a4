"""Cells that somebody measured, found among the cells that are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from advisor.cost.arrays import Floats, Ints
from advisor.cost.fit_file import MeasuredCell, release
from advisor.cost.serving.load_table import CONCURRENCY, KINDS, SINGLE, Cells
from advisor.spec.deployment import Deployment

SAME_LENGTH = 0.03
"""Mean lengths this close are the same cell: a benchmark's random lengths come out a little off."""


def measured_cells(
    deployments: Sequence[Deployment],
    keys: Sequence[tuple[str, ...]],
    measured: Mapping[str, Sequence[MeasuredCell]],
    cells: Cells,
) -> dict[str, tuple[Ints, Floats]]:
    """quantity → (positions in `cells`, log(measured ÷ physics) there), for the very cells that were seen.

    The same release of the engine only: an older one's measurement corrects the deployment as a whole,
    but is not this cell. One client in a closed loop is a single stream.
    """
    known = _known(deployments, keys, measured)
    if not known:
        return {}
    kind, level = cells.kind.astype(np.float64), cells.level.copy()
    alone = (cells.kind == SINGLE) | ((cells.kind == CONCURRENCY) & (level == 1.0))
    kind[alone], level[alone] = SINGLE, 1.0
    asked = np.stack(
        [cells.deployment.astype(np.float64), kind, level, cells.input_tokens, cells.output_tokens], axis=1
    )
    order = np.lexsort(asked[:, :3].T[::-1])
    found: dict[str, tuple[Ints, Floats]] = {}
    for quantity, rows in known.items():
        places: list[Ints] = []
        ratios: list[Floats] = []
        for exact, lengths, ratio in rows:
            first, last = _run(asked[order, :3], exact)
            here = order[first:last]
            near = np.all(np.abs(asked[here, 3:] / lengths - 1.0) <= SAME_LENGTH, axis=1)
            places.append(here[near])
            ratios.append(np.full(int(near.sum()), ratio))
        at = np.concatenate(places)
        if len(at):
            found[quantity] = (at, np.concatenate(ratios))
    return found


def _known(
    deployments: Sequence[Deployment],
    keys: Sequence[tuple[str, ...]],
    measured: Mapping[str, Sequence[MeasuredCell]],
) -> dict[str, list[tuple[tuple[float, float, float], Floats, float]]]:
    """By quantity: (deployment, kind, level), the two lengths, log ratio."""
    known: dict[str, list[tuple[tuple[float, float, float], Floats, float]]] = {}
    for number, (d, names) in enumerate(zip(deployments, keys, strict=True)):
        for name in names:
            for made, tokens_in, tokens_out, load, level, quantity, ratio, _ in measured.get(name, ()):
                if made != release(d):
                    continue
                kind = KINDS.index(load)
                asked = {"single": 1.0, "maximum": np.inf}.get(load, (level or 0.0) / d.replicas)
                if kind == CONCURRENCY and asked == 1.0:
                    kind = SINGLE
                lengths = np.array([tokens_in, tokens_out])
                known.setdefault(quantity, []).append(((number, kind, asked), lengths, ratio))
    return known


def _run(ordered: Floats, wanted: tuple[float, float, float]) -> tuple[int, int]:
    """First and last position of the rows equal to `wanted` in rows sorted by their columns."""
    first, last = 0, len(ordered)
    for column, value in enumerate(wanted):
        part = ordered[first:last, column]
        first, last = (
            first + int(np.searchsorted(part, value, "left")),
            first + int(np.searchsorted(part, value, "right")),
        )
    return first, last
