"""Evidence for a prediction: measurements of the same cell, and the nearest measured deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from advisor.cost.array_table import Floats, Ints
from advisor.cost.fitting.measured_deployments import (
    DeploymentKey,
    Evidence,
    MeasuredCell,
    settings_of,
    shape_key,
)
from advisor.cost.serving.load_table import LoadTable
from advisor.spec.deployment import Deployment

_KINDS = ("single", "concurrency", "rate", "maximum", "batch")
"""Kinds of load by the number that stands for them in a sortable key."""
SAME_LENGTH = 0.03
"""Mean lengths this close are the same cell: a benchmark's random lengths come out a little off."""


class MeasuredRows(NamedTuple):
    """The rows of a table of loads whose very quantity was measured."""

    at: Ints
    """Positions."""
    log_ratio: Floats
    """log(measured ÷ physics)."""
    scatter: Floats
    """Relative standard error that the runs themselves show."""


def measured_rows(
    deployments: Sequence[Deployment],
    keys: Sequence[tuple[DeploymentKey, ...]],
    measured: Mapping[DeploymentKey, Sequence[MeasuredCell]],
    loads: LoadTable,
    quantities: frozenset[str],
) -> dict[str, MeasuredRows]:
    """By quantity, of `quantities`: the very rows that others measured; `own_measurements` has one's own.

    The same release of the engine only. One client in a closed loop is a single stream.
    """
    known = _known(deployments, keys, measured, quantities)
    if not known:
        return {}
    kind = np.select([loads.kind == one for one in _KINDS], [float(n) for n in range(len(_KINDS))])
    level = loads.level.copy()
    alone = loads.is_kind("single") | (loads.is_kind("concurrency") & (level == 1.0))
    kind[alone], level[alone] = _KINDS.index("single"), 1.0
    rows = np.stack(
        [loads.deployment.astype(np.float64), kind, level, loads.input_tokens, loads.output_tokens], axis=1
    )
    order = np.lexsort(rows[:, :3].T[::-1])
    ordered = rows[order, :3]
    found: dict[str, MeasuredRows] = {}
    for quantity, cells in known.items():
        places: list[Ints] = []
        figures: list[tuple[float, float]] = []
        for exact, cell in cells:
            first, last = _equal_rows(ordered, exact)
            here = order[first:last]
            lengths = np.array([cell.input_tokens, cell.output_tokens])
            near = np.all(np.abs(rows[here, 3:] / lengths - 1.0) <= SAME_LENGTH, axis=1)
            near &= loads.prefix_hit_rate[here] == 0.0
            places.append(here[near])
            figures += [(cell.log_ratio, cell.scatter)] * int(near.sum())
        if figures:
            log_ratio, scatter = np.array(figures).T
            found[quantity] = MeasuredRows(np.concatenate(places), log_ratio, scatter)
    return found


def _known(
    deployments: Sequence[Deployment],
    keys: Sequence[tuple[DeploymentKey, ...]],
    measured: Mapping[DeploymentKey, Sequence[MeasuredCell]],
    quantities: frozenset[str],
) -> dict[str, list[tuple[tuple[float, float, float], MeasuredCell]]]:
    """By quantity: (deployment, kind, level), and what was measured there."""
    known: dict[str, list[tuple[tuple[float, float, float], MeasuredCell]]] = {}
    for number, (d, names) in enumerate(zip(deployments, keys, strict=True)):
        if d.parallelism.expert:
            continue
        seen = [cell for name in names for cell in measured.get(name, ())]
        here = (d.engine.release, settings_of(d)) if seen else None
        # A published figure stands where the user has none of the quantity.
        own = {cell.quantity for cell in seen if cell.value is not None}
        for cell in seen:
            if (cell.release, cell.settings) != here or cell.quantity not in quantities - own:
                continue  # other settings are another cell
            level = {"single": 1.0, "maximum": np.inf}.get(cell.load, cell.level or 0.0)
            kind = _KINDS.index("single" if cell.load == "concurrency" and level == 1.0 else cell.load)
            known.setdefault(cell.quantity, []).append(((number, kind, level), cell))
    return known


def _equal_rows(ordered: Floats, wanted: tuple[float, float, float]) -> tuple[int, int]:
    """First and last position of the rows equal to `wanted` in rows sorted by their columns."""
    first, last = 0, len(ordered)
    for column, value in enumerate(wanted):
        part = ordered[first:last, column]
        first, last = (
            first + int(np.searchsorted(part, value, "left")),
            first + int(np.searchsorted(part, value, "right")),
        )
    return first, last


class EvidenceIndex:
    """Finds the evidence nearest to a deployment: its own, else by shape and GPU, then format."""

    def __init__(self, evidence: Sequence[Evidence]) -> None:
        self._evidence = tuple(evidence)
        self._of_key = {e.key: e for e in sorted(evidence, key=lambda e: e.rows)}
        self._shapes = np.array([e.key.shape for e in evidence])
        self._gpus = np.array([e.gpu for e in evidence])
        self._formats = np.array([e.format for e in evidence])
        self._rows = np.array([e.rows for e in evidence])
        self._nearest: dict[tuple[str, str, str], str] = {}

    def nearest(self, d: Deployment, keys: Sequence[DeploymentKey]) -> str:
        """One line of text; empty without any evidence. keys: what the deployment's own rows are filed
        under."""
        for key in keys:
            if key in self._of_key:
                return self._of_key[key].text
        if not self._evidence:
            return ""
        features = (shape_key(d.model), d.gpu.name, d.format.name)
        if features not in self._nearest:
            shape, gpu, fmt = features
            likeness = 2.0 * (self._shapes == shape) + 2.0 * (self._gpus == gpu) + (self._formats == fmt)
            best = int(np.argmax(likeness + self._rows / (1.0 + self._rows.max())))
            self._nearest[features] = self._evidence[best].text
        return self._nearest[features]
