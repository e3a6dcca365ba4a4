"""Cells that somebody measured, found among the cells that are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from advisor.cost.cells import KINDS, SINGLE, Cells
from advisor.cost.features import Floats, Ints
from advisor.cost.fit_file import MeasuredCell, release
from advisor.spec.deployment import Deployment

_DTYPE = np.dtype([("d", "i4"), ("kind", "i4"), ("in", "f8"), ("out", "f8"), ("level", "f8")])


def measured_cells(
    deployments: Sequence[Deployment],
    keys: Sequence[tuple[str, ...]],
    measured: Mapping[str, Sequence[MeasuredCell]],
    cells: Cells,
) -> dict[str, tuple[Ints, Floats]]:
    """quantity → (positions in `cells`, log(measured ÷ physics) there), for the very cells that were seen.

    The same release of the engine only: an older one's measurement corrects the deployment as a whole,
    but is not this cell.
    """
    known: dict[str, list[tuple[tuple[int, int, float, float, float], float]]] = {}
    for number, (d, names) in enumerate(zip(deployments, keys, strict=True)):
        for name in names:
            for made, tokens_in, tokens_out, load, level, quantity, ratio, _ in measured.get(name, ()):
                if made == release(d):
                    kind = KINDS.index(load)
                    asked = {"single": 1.0, "maximum": np.inf}.get(load, (level or 0.0) / d.replicas)
                    record = (number, kind, tokens_in, tokens_out, asked)
                    known.setdefault(quantity, []).append((record, ratio))
    if not known:
        return {}
    wanted = np.empty(len(cells), dtype=_DTYPE)
    wanted["d"], wanted["kind"], wanted["level"] = cells.deployment, cells.kind, cells.level
    wanted["in"], wanted["out"] = cells.input_tokens, cells.output_tokens
    wanted["level"][cells.kind == SINGLE] = 1.0
    found: dict[str, tuple[Ints, Floats]] = {}
    unique, inverse = np.unique(wanted, return_inverse=True)
    for quantity, rows in known.items():
        table = np.array([record for record, _ in rows], dtype=_DTYPE)
        ratios = np.array([ratio for _, ratio in rows])
        order = np.argsort(table, order=_DTYPE.names)
        place = np.clip(np.searchsorted(table[order], unique), 0, len(table) - 1)
        hit = table[order][place] == unique
        at = np.flatnonzero(hit[inverse])
        if len(at):
            found[quantity] = (at, ratios[order][place][inverse[at]])
    return found
