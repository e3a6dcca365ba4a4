"""OwnMeasurements: what the user's own runs say of each row of a table of loads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.fitting.measured_deployments import DeploymentKey, MeasuredCell
from advisor.cost.predict.deployment_table import DeploymentTable
from advisor.cost.predict.gaussian_process import Carried, Process
from advisor.cost.predict.load_point_correlation import Points, asked_points, points_of, same_cell
from advisor.cost.serving.load_table import LoadTable
from advisor.cost.serving.mean_latencies import replica_stats
from advisor.spec.benchmark_run import REQUESTS_PER_CLIENT
from advisor.units import MS_PER_S


class OtherEngine(NamedTuple):
    """What was measured of a deployment under the very load, on another engine."""

    metric: str
    statistic: str
    value: float
    """ms"""
    engine: str
    """`vLLM 0.11`, with the settings that differ from its own."""


class OwnMeasurements:
    """The user's own measurements by deployment, ready to be carried."""

    def __init__(self, measured: Mapping[DeploymentKey, Sequence[MeasuredCell]]) -> None:
        found = {key: [cell for cell in cells if cell.value is not None] for key, cells in measured.items()}
        self._cells = {key: cells for key, cells in found.items() if cells}
        self._processes: dict[tuple[DeploymentKey, str], Process] = {}

    def quantities(self, key: DeploymentKey) -> frozenset[str]:
        """What was measured of a deployment: `tpot`, `ttft p95`."""
        return frozenset(cell.quantity for cell in self._cells.get(key, ()))

    def carried(
        self, d: DeploymentTable, loads: LoadTable, quantities: Collection[str]
    ) -> dict[str, Carried]:
        """By quantity, of `quantities`: what is carried to each row of `loads`; quantities of which no
        deployment has a measurement are left out.

        Of a percentile it is what lies beyond the ratio to its mean.
        """
        found: dict[str, Carried] = {}
        for number, (one, (key, *_)) in enumerate(zip(d.deployments, d.keys, strict=True)):
            wanted = () if one.parallelism.expert else self.quantities(key) & set(quantities)
            rows = np.flatnonzero(loads.deployment == number) if wanted else np.array([], dtype=np.intp)
            if not len(rows):
                continue
            asked = asked_points(one, loads.take(rows))
            for quantity in wanted:
                process = self._process(key, quantity)
                elsewhere = _log_predicted(d, number, process.points, quantity, asked.engine[0])
                known = found.get(quantity, Carried.nothing(len(loads)))
                found[quantity] = known.replace_at(rows, process.carried(asked, elsewhere))
        return found

    def on_other_engines(self, d: DeploymentTable, loads: LoadTable) -> list[tuple[OtherEngine, ...]]:
        """Of each deployment what was measured under its load, the row of its place, on another release or
        with other settings."""
        found: list[tuple[OtherEngine, ...]] = []
        for i, (one, (key, *_)) in enumerate(zip(d.deployments, d.keys, strict=True)):
            cells = () if one.parallelism.expert else self._cells.get(key, ())
            found.append(_elsewhere(cells, asked_points(one, loads.take(np.array([i])))) if cells else ())
        return found

    def _process(self, key: DeploymentKey, quantity: str) -> Process:
        if (key, quantity) not in self._processes:
            cells = [cell for cell in self._cells[key] if cell.quantity == quantity]
            mean = mean_of(quantity)
            around = self._process(key, mean) if mean != quantity and mean in self.quantities(key) else None
            self._processes[key, quantity] = Process.of(cells, around)
        return self._processes[key, quantity]


def _elsewhere(cells: Sequence[MeasuredCell], asked: Points) -> tuple[OtherEngine, ...]:
    found = []
    for cell in cells:
        point = points_of([cell])
        metric, _, statistic = cell.quantity.partition(" ")
        if cell.value is None or metric == "throughput" or point.engine[0] == asked.engine[0]:
            continue
        if same_cell(replace(asked, engine=point.engine), point).any():
            words = f"vLLM {cell.release}" + (f" ({cell.settings})" if cell.settings else "")
            found.append(OtherEngine(metric, statistic or "mean", cell.value, words))
    return tuple(found)


def mean_of(quantity: str) -> str:
    """The quantity whose mean a percentile is a multiple of; of a mean itself."""
    metric, _, statistic = quantity.partition(" ")
    return {"itl": "tpot"}.get(metric, metric) if statistic else quantity


def _log_predicted(
    d: DeploymentTable, number: int, points: Points, quantity: str, engine: str
) -> Floats | None:
    """Logarithm of the mean that the deployment is predicted at the points of other engines, NaN at its own;
    None where there are none, and of a percentile, which errs as its mean does."""
    others = np.flatnonzero(points.engine != engine)
    if not len(others) or mean_of(quantity) != quantity:
        return None
    at = points.take(others)
    count, is_closed = len(others), at.kind == "concurrency"
    loads = LoadTable(
        deployment=np.full(count, number, dtype=np.intp),
        input_tokens=np.exp(at.input_tokens),
        output_tokens=np.exp(at.output_tokens),
        kind=at.kind,
        level=np.where(at.kind == "maximum", np.inf, np.exp(at.load)),
        idle_replicas=np.zeros(count),
        prefix_hit_rate=np.zeros(count),
        requests_per_client=np.where(is_closed, REQUESTS_PER_CLIENT, np.inf),
        input_std=np.zeros(count),
        output_std=np.zeros(count),
        burstiness=np.ones(count),
    )
    r = d.replica
    m = replica_stats(r.arrays, r.costs, r.memory.kv_bytes, loads, capacity=False)
    means = {"ttft": m.ttft_s * MS_PER_S, "tpot": m.tpot_s * MS_PER_S, "e2e": m.e2e_s * MS_PER_S}
    means["throughput"] = m.requests_per_s
    found = np.full(len(points.load), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        found[others] = np.log(means[quantity])
    return found
