"""What the errors of two predictions have in common, learnt from held-out errors in one cell of one source.

The ratio of two formats on the same GPUs is learnt as a ratio: what is wrong with the model, the GPU, the
source or the load is wrong in both and cancels. Its interval is made as every interval is, of the differences
of two held-out errors. What else predictions share follows from pairs on two GPUs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.evaluation.held_out_errors import HeldOut
from advisor.cost.fitting.row_noise import load_class_of
from advisor.cost.uncertainty.conformal import Z90
from advisor.cost.uncertainty.error_class import DISTANCES, LOADS, MEANS, Distance, ErrorClass, Metric, sign
from advisor.cost.uncertainty.intervals import HeldOutErrors, Interval, Intervals, build
from advisor.cost.uncertainty.shared_errors import TOKEN_RATE, TTFT, SharedErrors, Shares, shared_class
from advisor.spec.workloads.load_kind import LoadClass

_MAX_SD = 2.5
"""Standard deviations that an error counts at most: single odd rows must not speak for all."""
_FEWEST = 40
"""Pairs below which a relation is taken from all loads together."""
_KINDS: tuple[LoadClass, ...] = ("single", "loaded", "maximum")

Relation = tuple[bool, bool]
"""(same GPU, same format); both: the same on another number of GPUs."""
_RELATIONS: tuple[Relation, ...] = ((False, False), (True, False), (False, True), (True, True))


@dataclass(frozen=True, slots=True)
class FormatPairs:
    """Pairs of rows of two formats of one model on the same GPUs in one cell of one source, each pair in
    both orders; arrays and sequences have one entry per pair."""

    classes: tuple[ErrorClass, ...]
    metrics: tuple[Metric, ...]
    first: np.ndarray
    """Positions in the rows."""
    held: HeldOutErrors
    """log(measured ÷ predicted) of the first less that of the second."""


def format_pairs(held: HeldOut) -> FormatPairs:
    """Every such pair."""
    cells: dict[tuple[object, ...], list[int]] = {}
    rows, shapes, sources, classes = held.seen.rows, held.shapes, held.sources, held.error_classes
    for i, row in enumerate(rows):
        if not _is_compared(row.load, classes[i], row.statistic):
            continue
        cell = (
            *(sources[i], shapes[i], row.gpu, row.num_gpus, row.kv_format, row.engine_version, row.load),
            *(row.load_value, round(row.input_tokens, -1), round(row.output_tokens, -1), row.metric),
            row.statistic,
        )
        cells.setdefault(cell, []).append(i)
    pairs = [
        pair
        for same in cells.values()
        for one, other in combinations(same, 2)
        if rows[one].format != rows[other].format
        for pair in ((one, other), (other, one))
    ]
    first, second = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    every = held.errors
    kernels, crowded = held.kernels, held.near_capacity
    of_pair = []
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        of = classes[one] if not crowded[other] else max(classes[one], classes[other], key=_reach)
        fp4 = "fp4" in (kernels[one], kernels[other])
        of_pair.append(of._replace(engine=of.engine._replace(fp4=fp4)))
    return FormatPairs(
        classes=tuple(of_pair),
        metrics=tuple(held.metrics[i] for i in first.tolist()),
        first=first,
        held=HeldOutErrors(
            row=every.row[first] - every.row[second],
            model=every.model[first] - every.model[second],
            gpu=every.gpu[first] - every.gpu[second],
            other_source=every.other_source[first] - every.other_source[second],
            shapes=[shapes[i] for i in first.tolist()],
            gpus=[every.gpus[i] for i in first.tolist()],
            sources=[sources[i] for i in first.tolist()],
        ),
    )


def _reach(of: ErrorClass) -> int:
    """1 for a class near capacity, else 0; of two classes the higher decides how far off a ratio may be."""
    return int(of.part.endswith("near capacity"))


def _is_compared(load: str, of: ErrorClass, statistic: str) -> bool:
    if load == "batch" or statistic not in MEANS:
        return False
    # All queued at once, a latency is a place in the queue.
    return load != "maximum" or of.metric == "throughput"


def learn_ratios(pairs: FormatPairs) -> Intervals:
    """The interval of log(measured ÷ predicted) of the ratio of two formats, by class."""
    return build(pairs.classes, pairs.metrics, pairs.held)


def learn_shares(held: HeldOut, intervals: Intervals, ratios: Intervals) -> SharedErrors:
    """What errors share, by class. Where nothing pairs up, errors count as independent."""
    table: dict[ErrorClass, Shares] = {}
    first_token = 0.0
    by_distance: dict[Distance, Floats] = {"seen": held.row, "model": held.model, "gpu": held.gpu}
    engines = sorted(
        {c.engine._replace(fp4=fp4) for c in intervals.table for fp4 in (None, False, True)}, key=str
    )
    for distance in DISTANCES:
        cells = _cells(held, intervals, distance, by_distance[distance])
        for error in (TOKEN_RATE, TTFT):
            products = {load: _products(cells, error, load) for load in _KINDS}
            every = _merged(list(products.values()))
            for load in _KINDS:
                found = _correlations(products[load], every)
                for engine in engines:
                    of = shared_class(error, load, distance, engine)
                    interval = intervals.of(of._replace(engine=of.engine._replace(fp4=None)))
                    table[of] = _shares(found, _correlation_of_formats(interval, ratios, of))
        if distance == "model":
            first_token = round(max(0.0, _correlation(list(_crossed(cells)))), 3)
    return SharedErrors(table=table, first_token=first_token)


def _correlation_of_formats(interval: Interval, ratios: Intervals, of: ErrorClass) -> float | None:
    """The correlation with which two errors of the interval differ by the learnt interval of their ratio."""
    if not any(one in ratios.table for one in of.wider()):
        return None
    ratio = ratios.of(of)
    half, half_of_ratio = (interval.high - interval.low) / 2, (ratio.high - ratio.low) / 2
    return float(np.clip(1.0 - (half_of_ratio / half) ** 2 / 2.0, 0.0, 0.999))


@dataclass(frozen=True, slots=True)
class _Error:
    """One held-out error, in standard deviations, slower than predicted counted positive."""

    z: float
    gpu: str
    format: str
    num_gpus: int
    kv_format: str
    row_metric: str


Cell = tuple[object, ...]


def _cells(
    held: HeldOut, intervals: Intervals, distance: Distance, errors: Floats
) -> dict[Cell, list[_Error]]:
    """Errors by (error, load, and all that must be equal for two of them to be compared)."""
    found: dict[Cell, list[_Error]] = {}
    columns = (
        held.seen.rows,
        held.deployments,
        held.shapes,
        held.sources,
        held.error_classes,
        held.metrics,
    )
    for row, d, shape, source, of, metric, error in zip(*columns, errors.tolist(), strict=True):
        load = load_class_of(row)
        if not np.isfinite(error) or load not in LOADS or not _is_compared(row.load, of, row.statistic):
            continue
        interval = intervals.of(of.at(distance))
        slower = sign(metric, load) * error
        half = max(interval.high if slower > 0 else -interval.low, 1e-6)
        z = float(np.clip(Z90 * slower / half, -_MAX_SD, _MAX_SD))
        if metric == "throughput" and load != "loaded":
            z = -z
        cell = (
            TTFT if metric == "ttft" else TOKEN_RATE,
            load,
            source,
            shape,
            row.engine_version,
            row.load_value,
            row.input_tokens,
            row.output_tokens,
        )
        found.setdefault(cell, []).append(
            _Error(z, d.gpu.name, row.format, row.num_gpus, row.kv_format, row.metric)
        )
    return found


Products = Mapping[Relation, Sequence[tuple[float, float]]]


def _products(cells: Mapping[Cell, Sequence[_Error]], error: str, load: str) -> Products:
    found: dict[Relation, list[tuple[float, float]]] = {}
    for cell, errors in cells.items():
        if cell[:2] != (error, load):
            continue
        for one, other in combinations(errors, 2):
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


def _crossed(cells: Mapping[Cell, Sequence[_Error]]) -> Iterator[tuple[float, float]]:
    """(TTFT, TPOT) of one deployment in one cell, under load."""
    for cell, errors in cells.items():
        if cell[:2] != (TTFT, "loaded"):
            continue
        for first in errors:
            for other in cells.get((TOKEN_RATE, *cell[1:]), ()):
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


def _correlations(own: Products, every: Products) -> dict[Relation, tuple[float, int]]:
    """Correlation and number of pairs by relation; fewer than a handful say nothing: independent."""
    found = {}
    for relation in _RELATIONS:
        mine = own.get(relation, ())
        pairs = mine if len(mine) >= _FEWEST else every.get(relation, ())
        found[relation] = (_correlation(pairs), len(pairs)) if len(pairs) >= _FEWEST else (0.0, 0)
    return found


def _shares(found: Mapping[Relation, tuple[float, int]], of_formats: float | None = None) -> Shares:
    """Parts that give the correlations; of two formats on one GPU that of their learnt ratio, where known."""
    neither, gpu, format, both = (found[relation][0] for relation in _RELATIONS)
    if of_formats is not None:
        gpu, neither = of_formats, min(neither, of_formats)
    model = min(max(neither, 0.0), 1.0)
    by_gpu = min(max(gpu - model, 0.0), 1.0 - model)
    by_format = min(max(format - model, 0.0), 1.0 - model - by_gpu)
    pair = min(max(both - model - by_gpu - by_format, 0.0), 1.0 - model - by_gpu - by_format)
    shared = [round(part, 3) for part in (model, by_gpu, by_format, pair)]
    return Shares(
        model=shared[0],
        gpu=shared[1],
        format=shared[2],
        pair=shared[3],
        own=round(max(0.0, 1.0 - sum(shared)), 3),
        pairs=sum(count for _, count in found.values()),
    )
