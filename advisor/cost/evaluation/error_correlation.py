"""What the errors of predictions have in common, learnt from held-out errors of one cell of one source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from advisor.cost.arrays import Floats
from advisor.cost.evaluation.held_out import HeldOut, load_class, quantity
from advisor.cost.fit_file import shape_key
from advisor.cost.uncertainty.intervals import LOADS, Distance, Intervals
from advisor.cost.uncertainty.shared_errors import PACE, TTFT, SharedErrors, Shares, key

Z90 = 1.645
_MOST = 2.5
"""Standard deviations that an error counts at most: single odd rows must not speak for all."""
_FEWEST = 40
"""Pairs below which a relation is taken from all loads together."""
_KINDS = ("single", "loaded", "maximum")
_ANY = "any"

Relation = tuple[bool, bool]
"""(same GPU, same format); both: the same on another number of GPUs."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """One held-out error, in standard deviations, slower than predicted counted positive."""

    z: float
    gpu: str
    format: str
    num_gpus: int
    kv_format: str
    row_metric: str


def learn_shares(held: HeldOut, intervals: Intervals) -> SharedErrors:
    """Shares by error, load and distance. Where nothing pairs up, errors count as independent."""
    table: dict[str, Shares] = {}
    crossed: list[tuple[float, float]] = []
    by_distance: tuple[tuple[Distance, Floats], ...] = (
        ("seen", held.row),
        ("model", held.model),
        ("gpu", held.gpu),
    )
    for distance, errors in by_distance:
        cells = _cells(held, intervals, distance, errors)
        for error in (PACE, TTFT):
            products = {load: _products(cells, error, load) for load in _KINDS}
            products[_ANY] = _merged(list(products.values()))
            for load in _KINDS:
                table[key(error, load, distance)] = _shares(products[load], products[_ANY])
        if distance == "model":
            crossed = list(_crossed(cells))
    return SharedErrors(table=table, first_token=round(max(0.0, _correlation(crossed)), 3))


Cell = tuple[object, ...]


def _cells(
    held: HeldOut, intervals: Intervals, distance: Distance, errors: Floats
) -> dict[Cell, list[_Seen]]:
    """Errors by (error, load, and all that must be equal for two of them to be compared)."""
    found: dict[Cell, list[_Seen]] = {}
    columns = (
        held.seen.rows,
        held.deployments,
        quantity(held.seen),
        load_class(held.seen),
        held.engine_classes,
    )
    for row, d, kind, load, engine, error in zip(*columns, errors, strict=True):
        if not np.isfinite(error) or load not in LOADS or load == "batch":
            continue
        if " " in kind:
            continue  # a percentile
        if load == "maximum" and kind != "throughput":
            continue  # all queued at once, a latency is a place in the queue
        interval = intervals.of(kind, load, engine, distance)
        half = max(interval.high if error > 0 else -interval.low, 1e-6)
        z = float(np.clip(Z90 * error / half, -_MOST, _MOST))
        slower = -z if kind == "throughput" else z
        cell = (
            TTFT if kind == "ttft" else PACE,
            load,
            held.seen.sources.family(row.source),
            shape_key(d.model),
            row.engine_version,
            row.load_value,
            row.input_tokens,
            row.output_tokens,
        )
        found.setdefault(cell, []).append(
            _Seen(slower, d.gpu.name, row.format, row.num_gpus, row.kv_format, row.metric)
        )
    return found


Products = Mapping[Relation, Sequence[tuple[float, float]]]


def _products(cells: Mapping[Cell, Sequence[_Seen]], error: str, load: str) -> Products:
    found: dict[Relation, list[tuple[float, float]]] = {}
    for cell, seen in cells.items():
        if cell[:2] != (error, load):
            continue
        for one, other in combinations(seen, 2):
            if one.row_metric != other.row_metric:
                continue
            relation = (one.gpu == other.gpu, one.format == other.format)
            if all(relation) and one.num_gpus == other.num_gpus:
                continue  # the same deployment twice: a repeat
            found.setdefault(relation, []).append((one.z, other.z))
    return found


def _merged(parts: Sequence[Products]) -> Products:
    found: dict[Relation, list[tuple[float, float]]] = {}
    for part in parts:
        for relation, pairs in part.items():
            found.setdefault(relation, []).extend(pairs)
    return found


def _crossed(cells: Mapping[Cell, Sequence[_Seen]]) -> Iterator[tuple[float, float]]:
    """(TTFT, TPOT) of one deployment in one cell, under load."""
    for cell, seen in cells.items():
        if cell[:2] != (TTFT, "loaded"):
            continue
        for first in seen:
            for other in cells.get((PACE, *cell[1:]), ()):
                same = (first.gpu, first.format, first.num_gpus, first.kv_format) == (
                    other.gpu, other.format, other.num_gpus, other.kv_format,
                )  # fmt: skip
                if same and other.row_metric in ("tpot_ms", "itl_ms"):
                    yield first.z, other.z


def _correlation(pairs: Sequence[tuple[float, float]]) -> float:
    """1 − half the mean squared difference over the mean square: about zero, where a prediction puts it.

    A shift that both share counts as shared: it cancels as well.
    """
    if not pairs:
        return 0.0
    z = np.array(pairs)
    square = float(np.mean(z**2))
    return 0.0 if square <= 0 else 1.0 - float(np.mean((z[:, 0] - z[:, 1]) ** 2)) / (2.0 * square)


def _shares(own: Products, every: Products) -> Shares:
    def known(relation: Relation) -> tuple[float, int]:
        mine = own.get(relation, ())
        pairs = mine if len(mine) >= _FEWEST else every.get(relation, ())
        # Fewer than a handful say nothing: independent.
        return (_correlation(pairs), len(pairs)) if len(pairs) >= _FEWEST else (0.0, 0)

    neither, gpu, format, both = (
        known(relation) for relation in ((False, False), (True, False), (False, True), (True, True))
    )
    model = min(max(neither[0], 0.0), 1.0)
    by_gpu = min(max(gpu[0] - model, 0.0), 1.0 - model)
    by_format = min(max(format[0] - model, 0.0), 1.0 - model - by_gpu)
    pair = min(max(both[0] - model - by_gpu - by_format, 0.0), 1.0 - model - by_gpu - by_format)
    shared = [round(part, 3) for part in (model, by_gpu, by_format, pair)]
    return Shares(
        model=shared[0],
        gpu=shared[1],
        format=shared[2],
        pair=shared[3],
        own=round(max(0.0, 1.0 - sum(shared)), 3),
        pairs=sum(count for _, count in (neither, gpu, format, both)),
    )
