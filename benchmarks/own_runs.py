"""How the errors of one deployment on one machine correlate, and what one own run is worth at other loads.

    python -m benchmarks.own_runs

Published runs stand for a user's: each source is left out of the fit, so that its errors are those of a
machine nobody measured. Printed are correlations of errors by how far two loads are apart, which the
constants of `advisor/cost/predict/load_point_correlation.py` were read from, and the median error at the
other loads of a deployment before and after one of its runs is known. Takes a few minutes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np

from advisor.cost.evaluation.fit_without_rows import Optimum
from advisor.cost.evaluation.held_out_errors import families, leave_sources_out
from advisor.cost.fitting.measured_deployments import MeasuredCell
from advisor.cost.fitting.observations import observe
from advisor.cost.learn_from_own_records import row_keys
from advisor.cost.predict.gaussian_process import Process
from advisor.cost.predict.load_point_correlation import points_of
from advisor.cost.predict.predictor import Predictor
from advisor.record.store import read_speed
from advisor.shipped_files import shipped
from advisor.spec.metrics import METRICS

MOST_CELLS = 60
"""Of one deployment: a sweep must not outvote all others."""
WORST = 1.0
"""Largest log error that counts."""
NEAR = 0.05
LOADS, LENGTHS = (0.5, 1.0, 1.5, 2.5, 4.0), (0.5, 1.0, 2.0, 3.0, 4.0)

Group = list[MeasuredCell]


def groups() -> dict[str, list[Group]]:
    """By quantity: the means of each deployment by each source, with the errors of a fit without it."""
    seen = observe(read_speed(shipped("measurements")))
    keys, sources = row_keys(seen), families(seen)
    errors, _ = leave_sources_out(Optimum.of(seen, Predictor.shipped().fit.speed), sources, keys)
    found: dict[str, dict[object, Group]] = defaultdict(lambda: defaultdict(list))
    rows = zip(seen.rows, seen.row_deployments, keys, sources, errors.tolist(), strict=True)
    for row, d, key, source, error in rows:
        per_s = row.metric.endswith("_per_s") and row.metric != "requests_per_s"
        if row.statistic != "mean" or row.load == "batch" or per_s or row.metric == "itl_ms":
            continue
        if np.isfinite(error):
            cell = MeasuredCell(
                release=d.engine.release,
                input_tokens=row.input_tokens,
                output_tokens=row.output_tokens,
                load=row.load,
                level=row.load_value,
                quantity=METRICS[row.metric].quantity,
                log_ratio=float(np.clip(error, -WORST, WORST)),
                rows=1,
                value=row.value,
            )
            found[cell.quantity][key, source].append(cell)
    draw = np.random.default_rng(0)
    return {
        quantity: [_some(of, draw) for of in by.values() if len(of) > 1] for quantity, by in found.items()
    }


def _some(of: Group, draw: np.random.Generator) -> Group:
    return [of[i] for i in draw.permutation(len(of))[:MOST_CELLS]]


def _pairs(of: Group) -> Iterator[tuple[MeasuredCell, MeasuredCell]]:
    return ((one, other) for i, one in enumerate(of) for other in of[:i])


def _lengths_apart(one: MeasuredCell, other: MeasuredCell) -> float:
    inputs = np.log(one.input_tokens / other.input_tokens)
    return float(abs(inputs) + abs(np.log(one.output_tokens / other.output_tokens)))


def _load_bin(one: MeasuredCell, other: MeasuredCell) -> str | None:
    """At equal lengths and release, by the ratio of the loads."""
    same = one.load == other.load and one.release == other.release
    if not same or one.level is None or other.level is None or _lengths_apart(one, other) > NEAR:
        return None
    return _bin("loads", abs(np.log(one.level / other.level)), LOADS)


def _length_bin(one: MeasuredCell, other: MeasuredCell) -> str | None:
    """Under one load on one release, by the ratio of the lengths."""
    same = one.load == other.load and one.release == other.release and one.level == other.level
    return _bin("lengths", _lengths_apart(one, other), LENGTHS) if same else None


def _release_bin(one: MeasuredCell, other: MeasuredCell) -> str | None:
    """Under one load, on two releases."""
    same = one.load == other.load and one.level == other.level and _lengths_apart(one, other) <= NEAR
    return "two releases" if same and one.release != other.release else None


def _bin(name: str, apart: float, edges: tuple[float, ...]) -> str:
    ends = [0.0, *edges, np.inf]
    i = int(np.digitize(apart, edges))
    return f"{name} a factor of {np.exp(ends[i]):.1f} to {np.exp(ends[i + 1]):.1f} apart"


def correlations(
    of: list[Group], bin_of: Callable[[MeasuredCell, MeasuredCell], str | None]
) -> dict[str, tuple[float, int]]:
    """By bin: correlation of the errors of two cells about 0, and how many deployments it is of."""
    sums: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for group in of:
        here: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for one, other in _pairs(group):
            name = bin_of(one, other)
            if name is not None:
                a, b = one.log_ratio, other.log_ratio
                here[name].append((a * b, 0.5 * (a**2 + b**2)))
        for name, pairs in here.items():
            both, square = np.mean(pairs, axis=0)
            sums[name].append((len(pairs) ** 0.5, float(both), float(square)))
    made = {}
    for name, rows in sums.items():
        weight, both, square = np.array(rows).T
        made[name] = (float(weight @ both / (weight @ square)), len(rows))
    return made


def errors_by_one_run(of: list[Group]) -> tuple[float, float, int]:
    """Median error of all other cells of a deployment before and after each of its cells is known."""
    before, after = [], []
    for group in of:
        for i, one in enumerate(group):
            others = [cell for j, cell in enumerate(group) if j != i]
            errors = np.array([cell.log_ratio for cell in others])
            known = Process.of([one], None).carried(points_of(others)).log_ratio
            before.append(float(np.median(np.abs(errors))))
            after.append(float(np.median(np.abs(errors - known))))
    return float(np.median(before)), float(np.median(after)), len(before)


def main() -> None:
    for quantity, of in sorted(groups().items()):
        print(f"\n{quantity}: {len(of)} deployments of which a source has two figures or more")
        for bin_of in (_load_bin, _length_bin, _release_bin):
            for name, (value, count) in sorted(correlations(of, bin_of).items()):
                print(f"  {value:5.2f}  {name} ({count} deployments)")
        first, then, count = errors_by_one_run(of)
        print(
            f"  median error elsewhere {first:.1%} without, {then:.1%} with one run ({count:,} choices of it)"
        )


if __name__ == "__main__":
    main()
