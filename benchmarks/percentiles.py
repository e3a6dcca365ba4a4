"""Percentiles of the closed form and of the simulation beside measured ones.

    python -m benchmarks.percentiles [RUNS]

Both multiply a mean. So what is compared is the ratio of a percentile to its mean, of published runs under
load that state both; at most RUNS (14) of a source. Printed are the median and the mean of the log error.
"""

from __future__ import annotations

import random
import sys
from collections import defaultdict

import numpy as np

from advisor.cost.fitting.observations import observe
from advisor.cost.predict.deployment_table import DeploymentTables
from advisor.cost.predict.predictor import Predictor
from advisor.cost.serving.load_table import load_table
from advisor.cost.simulation.percentile_ratios import simulated_row
from advisor.record.measurement import SpeedMeasurement
from advisor.record.store import read_speed
from advisor.shipped_files import shipped
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.workload import Arrival, Lengths, Load

TAILS = ("p90", "p95", "p99")
Run = tuple[Deployment, dict[tuple[str, str], SpeedMeasurement]]


def runs(most: int) -> list[Run]:
    """Runs with a percentile and its mean, each with its figures by (metric, statistic)."""
    seen = observe(
        [row for row in read_speed(shipped("measurements")) if row.load in ("rate", "concurrency")]
    )
    found: dict[object, Run] = {}
    for row, d in zip(seen.rows, seen.row_deployments, strict=True):
        if row.metric in ("ttft_ms", "tpot_ms", "e2e_ms"):
            load = (row.load, row.load_value, row.input_tokens, row.output_tokens)
            key = (d.key, load, row.engine_version, row.source, row.conditions)
            found.setdefault(key, (d, {}))[1][row.metric.removesuffix("_ms"), row.statistic] = row
    by_source: dict[str, list[Run]] = defaultdict(list)
    for d, figures in found.values():
        tails = {(m, s) for m, s in figures if s in TAILS and (m, "mean") in figures}
        if tails:
            source = seen.sources.family(next(iter(figures.values())).source)
            by_source[source].append((d, figures))
    draw = random.Random(0)
    return [one for of in by_source.values() for one in draw.sample(of, min(most, len(of)))]


def main() -> None:
    predictor = Predictor.shipped()
    tables = DeploymentTables(predictor.fit)
    errors: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for d, figures in runs(int(sys.argv[1]) if len(sys.argv) > 1 else 14):
        wanted = tuple((m, s) for m, s in figures if s in TAILS and (m, "mean") in figures)
        row = figures[wanted[0]]
        lengths = [Lengths.constant(max(round(n), 1)) for n in (row.input_tokens, row.output_tokens)]
        arrival = Arrival(kind=row.load, value=row.load_value)  # type: ignore[arg-type]
        load = Load(input_tokens=lengths[0], output_tokens=lengths[1], arrival=arrival)
        table = predictor.table([d], load, wanted)
        if not table.fits[0]:  # no room for its KV cache, by the estimate
            continue
        closed = table.latency_ms
        r, rows = tables.table([d]).replica, load_table(load, [d])
        run = simulated_row(r.arrays, r.costs, r.memory.kv_bytes, load, rows, rows, 0, wanted)
        simulated = run.ratios_to_mean(wanted)
        for metric, statistic in wanted:
            measured = figures[metric, statistic].value / figures[metric, "mean"].value
            formula = closed[metric, statistic].value[0] / closed[metric, "mean"].value[0]
            if np.isfinite(formula) and (metric, statistic) in simulated:
                both = (np.log(measured / formula), np.log(measured / simulated[metric, statistic]))
                for name in ("all", f"{row.load} {metric}"):
                    errors[name].append(both)
    print(f"{'':<20}{'runs':>6}{'closed form':>20}{'simulation':>20}")
    for name, of in sorted(errors.items()):
        off = np.abs(np.array(of))
        shown = [f"{np.median(one):.1%} / {np.mean(one):.1%}" for one in off.T]
        print(f"{name:<20}{len(of):>6}{shown[0]:>20}{shown[1]:>20}")


if __name__ == "__main__":
    main()
