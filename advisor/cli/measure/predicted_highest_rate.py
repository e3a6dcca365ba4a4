"""The predicted highest rate within the limits, for the search to begin with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.measure.execution.session_job import SessionJob
from advisor.measure.steps.bench import Point
from advisor.measure.steps.slo_search import CELLS, ExpectedRate

if TYPE_CHECKING:
    from advisor.cli.measure.expected_vs_measured import Expectation
    from advisor.cost.predict.prediction_table import PredictionTable
    from advisor.measure.plan_to_jobs import Prepared

GRID = CELLS // 2
"""Rates that are predicted between 0 and the maximum."""


def with_expected_rates(prepared: Prepared, expected: Expectation) -> Prepared:
    """The plan whose searches know what is predicted; unchanged without a search or a prediction."""
    workload = prepared.workload
    if (
        not prepared.plan.slo_search
        or expected.why_not
        or not workload.limits
        or workload.goodput is not None
    ):
        return prepared
    jobs = tuple(
        replace(job, expected_rate=_rate(prepared, expected, job)) if isinstance(job, SessionJob) else job
        for job in prepared.jobs
    )
    return replace(prepared, jobs=jobs)


def _rate(prepared: Prepared, expected: Expectation, job: SessionJob) -> ExpectedRate | None:
    """Shares of the maximum at which the limits break: as predicted, and at both ends of the interval."""
    format, tensor_parallel = job.target.format, job.target.serving.tensor_parallel
    most = expected.of(format, tensor_parallel, prepared.plan.run_at(Point(kind="maximum")))
    top = 0.0 if most is None else float(most.requests_per_s.value[0])
    if most is None or not top > 0:
        return None
    best = {"value": 0.0, "low": 0.0, "high": 0.0}
    for step in range(1, GRID):
        share = step / GRID
        run = prepared.plan.run_at(Point(kind="rate", value=share * top))
        table = expected.of(format, tensor_parallel, run)
        if table is None:
            return None
        # The latency's upper end gives the rate's lower one.
        for end, side in (("value", "value"), ("low", "high"), ("high", "low")):
            if best[end] == (step - 1) / GRID and _keeps(prepared, table, side):
                best[end] = share
    half = 0.5 / GRID
    return ExpectedRate(
        value=best["value"] + half,
        low=best["low"] + half,
        high=best["high"] + half,
        maximum=(float(most.requests_per_s.low[0]), float(most.requests_per_s.high[0])),
    )


def _keeps(prepared: Prepared, table: PredictionTable, side: str) -> bool:
    figures = [table.latency_ms.get((limit.metric, limit.statistic)) for limit in prepared.workload.limits]
    return all(
        figure is not None and float(getattr(figure, side)[0]) <= limit.max_ms
        for figure, limit in zip(figures, prepared.workload.limits, strict=True)
    )
