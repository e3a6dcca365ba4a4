"""The quantities that a page shows of a deployment: name, unit, limit, how to read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from advisor.advise.choose.assessment import Assessment
from advisor.cost.estimate_with_interval import Estimate
from advisor.display_text import accuracy_text, amount_text, number
from advisor.report.terminal.ranking_tables import ASKED, PRICED, REFERENCE, is_told_by_capacity, served
from advisor.spec.metrics import LatencyMetric, latency_key
from advisor.spec.models.model import ModelSpec
from advisor.spec.workloads.workload import Workload
from advisor.units import MS_PER_S

PERCENT = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One figure of a deployment, in the unit it is shown in."""

    key: str
    name: str
    unit: str
    read: Callable[[Assessment], Estimate | None]
    digits: int = 3
    at_most: float | None = None
    at_least: float | None = None
    """The limit that the workload sets, in the same unit."""
    about: str = ""
    """What the name stands for."""
    given: str = ""
    """What a figure without an interval is: what was asked, or what follows from it."""

    @property
    def limit(self) -> float | None:
        return self.at_least if self.at_most is None else self.at_most

    @property
    def limit_text(self) -> str:
        """`limit 500 ms`; empty without one."""
        if self.at_most is not None:
            return f"limit {number(self.at_most)} {self.unit}"
        if self.at_least is not None:
            return f"at least {amount_text(self.at_least, self.unit, digits=self.digits)}"
        return ""


def quantities(workload: Workload, model: ModelSpec) -> tuple[Quantity, ...]:
    """What tells deployments of the model apart under this workload, in the order of its table."""
    arrival = workload.load.arrival
    latencies = (
        _latency(workload, "ttft", "ms", 1.0, "time to first token"),
        _latency(workload, "tpot", "ms", 1.0, "time per output token after the first"),
        _latency(workload, "e2e", "s", 1 / MS_PER_S, "request sent to last token"),
    )
    rate = (
        Quantity(
            key="capacity_requests_per_s",
            name="Capacity",
            unit="requests/s",
            read=lambda a: served(a, workload.load),
            at_least=arrival.value,
            about="the most that can be served",
        )
        if is_told_by_capacity(workload.load)
        else Quantity(
            key="requests_per_s",
            name="Throughput",
            unit="requests/s",
            read=lambda a: served(a, workload.load),
            about="requests served",
            given=ASKED,
        )
    )
    floor = workload.quality.min_recovery
    return (
        # All requests at once: what one of them waits is a matter of how many there are.
        *(() if arrival.kind == "maximum" else latencies),
        rate,
        Quantity(
            key="usd_per_million_output_tokens",
            name="Cost per M output tokens",
            unit="USD",
            read=lambda a: a.usd_per_million_output_tokens,
            about="all GPUs, under this load",
            given=PRICED,
        ),
        Quantity(
            key="usd_per_thousand_queries",
            name="Cost per 1k queries",
            unit="USD",
            read=lambda a: None if a.cost is None else a.cost.usd_per_thousand_queries,
            about="all GPUs, under this load",
            given=PRICED,
        ),
        Quantity(
            key="recovery",
            name="Recovery",
            unit="%",
            digits=4,
            read=lambda a: None if a.recovery is None else a.recovery.scaled(PERCENT),
            at_least=None if floor is None else PERCENT * floor,
            about=f"share of {accuracy_text(model)} that is kept",
            given=REFERENCE,
        ),
    )


def _latency(workload: Workload, metric: LatencyMetric, unit: str, factor: float, about: str) -> Quantity:
    """The statistic that a limit is on, the mean where there is none."""
    limit = workload.limit_on(metric)
    statistic = workload.statistic_of(metric)

    def read(assessment: Assessment) -> Estimate | None:
        estimate = assessment.estimate(metric, statistic)
        return None if estimate is None else estimate.scaled(factor)

    return Quantity(
        key=latency_key(metric, statistic),
        name=f"{metric.upper()} {statistic}",
        unit=unit,
        read=read,
        at_most=None if limit is None else limit.max_ms * factor,
        about=about,
    )
