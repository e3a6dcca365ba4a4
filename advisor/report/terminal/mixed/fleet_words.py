"""A fleet of several kinds of GPU in words: its line, its table, its router, and how it compares."""

from __future__ import annotations

from advisor.advise.choose.assessment import Assessment
from advisor.advise.choose.rank import TIE
from advisor.advise.mixed.fleet import Fleet, FleetPart, Mix
from advisor.display_text import (
    accuracy_text,
    bill_text,
    chance,
    number,
    plus_minus,
    share,
    short_text,
    stated_share,
)
from advisor.report.terminal.text_table import Column, fitting_table
from advisor.spec.workloads.workload import Workload
from advisor.units import MS_PER_S

KEEPS_ITSELF = "Every kind keeps all limits itself, so the whole does."


def fleet_text(fleet: Fleet) -> str:
    """`fp8 on 1× H100 + int8 on 2 × 1× A100`, the largest share first."""
    return " + ".join(short_text(part.deployment) for part in fleet.parts)


def fleet_headline(fleet: Fleet) -> str:
    """`fp8 on 1× H100 + int8 on 1× L40S · 4.94 USD/h (3,606 a month) · keeps all limits 88 % · …`."""
    known = [part.assessment.recovery for part in fleet.parts]
    left = sorted(100 * recovery.value for recovery in known if recovery is not None)
    accuracy = "accuracy not measured"
    if len(left) == len(known):
        texts = [number(share_of, digits=3) for share_of in left]
        of = accuracy_text(fleet.parts[0].deployment.model)
        accuracy = f"{'at least ' if texts[0] != texts[-1] else ''}{texts[0]} % of {of}"
    return " · ".join(
        [
            fleet_text(fleet),
            bill_text(fleet.usd_per_hour),
            f"keeps all limits {chance(fleet.keeps_all_limits)}",
            accuracy,
        ]
    )


def compared_text(mix: Mix) -> str:
    """Whether mixing is cheaper than the best single kind, with both costs and certainties."""
    fleet, single = mix.fleet, mix.single
    if fleet is None:
        return _no_fleet(mix)
    mixed = f"{number(fleet.usd_per_hour)} USD/h (keeps all limits {chance(fleet.keeps_all_limits)})"
    if single is None:
        return (
            f"No single kind of GPU keeps the limits with {stated_share(mix.workload.confidence)}; "
            f"the mix does, for {mixed}."
        )
    alone = _single_text(single)
    saving = mix.saving or 0.0
    if mix.recommended:
        return f"The mix saves {share(saving)} against the best single kind, {alone}."
    if saving > 0:
        little = f"{share(saving)} only, less than a tie ({share(TIE)})"
        text = f"A mix saves {little}: {fleet_text(fleet)} for {mixed}"
    else:
        text = f"No mix of kinds is cheaper: the cheapest is {fleet_text(fleet)} for {mixed}"
    return f"{text}, against {alone}."


def _no_fleet(mix: Mix) -> str:
    confidence = stated_share(mix.workload.confidence)
    text = f"No mix of two or more kinds of GPU keeps all limits together with {confidence}"
    return (
        f"{text}." if mix.single is None else f"{text}; the best single kind is {_single_text(mix.single)}."
    )


def _single_text(single: Assessment) -> str:
    usd = 0.0 if single.cost is None else single.cost.usd_per_hour
    return (
        f"{short_text(single.deployment)} at {number(usd)} USD/h "
        f"(keeps all limits {chance(single.keeps_all_limits)})"
    )


def load_unit(workload: Workload) -> str:
    """What a fleet's load is counted in."""
    return "requests/s" if workload.load.arrival.kind == "rate" else "in flight"


def kinds_table(mix: Mix, width: int) -> list[str]:
    """One row for each kind of the fleet, in a width."""
    return fitting_table(kind_columns(mix), width)


def kind_columns(mix: Mix) -> list[Column]:
    """One row per kind of GPU: the load it takes, the load it could take, and how it keeps the limits."""
    if mix.fleet is None:
        return []
    parts, unit = mix.fleet.parts, load_unit(mix.workload)
    return [
        Column("kind", [short_text(part.deployment) for part in parts], keep=True),
        Column("USD/h", [number(_usd(part)) for part in parts], right=True, keep=True),
        Column("of the load", [share_text(part) for part in parts], right=True, keep=True),
        Column(unit, [number(part.load) for part in parts], right=True, keep=True),
        Column("at most", [capacity_text(part, mix.workload) for part in parts], right=True, keep=True),
        Column("all limits", [chance(part.assessment.keeps_all_limits) for part in parts], right=True),
        Column("accuracy, %", [_recovery(part) for part in parts], right=True),
        *[_latency(metric, parts, mix.workload) for metric in ("ttft", "tpot", "e2e")],
    ]


def router_text(mix: Mix) -> str:
    """What the router must do."""
    fleet = mix.fleet
    if fleet is None:
        return ""
    ratio = " : ".join(str(part.weight) for part in fleet.parts)
    how = "share requests out" if mix.workload.load.arrival.kind == "rate" else "hold requests in flight"
    return f"Router: {how} {ratio}; each kind then stays below its own capacity. {KEEPS_ITSELF}"


def share_text(part: FleetPart) -> str:
    return f"{number(100 * part.share, digits=3)} %"


def capacity_text(part: FleetPart, workload: Workload) -> str:
    """The highest load at which a kind keeps the limits; it is not looked for above the load of the whole."""
    whole = part.capacity >= (workload.load.arrival.value or 0.0) * (1 - 1e-9)
    return f"≥ {number(part.capacity)}" if whole else number(part.capacity)


def _usd(part: FleetPart) -> float:
    return 0.0 if part.assessment.cost is None else part.assessment.cost.usd_per_hour


def _recovery(part: FleetPart) -> str:
    recovery = part.assessment.recovery
    return "–" if recovery is None else plus_minus(recovery.scaled(100), points=True)


def _latency(metric: str, parts: tuple[FleetPart, ...], workload: Workload) -> Column:
    limited = [limit.statistic for limit in workload.limits if limit.metric == metric]
    statistic = limited[0] if limited else "mean"
    unit, factor = ("s", 1 / MS_PER_S) if metric == "e2e" else ("ms", 1.0)
    found = [part.assessment.estimate(metric, statistic) for part in parts]
    cells = ["–" if estimate is None else plus_minus(estimate.scaled(factor)) for estimate in found]
    return Column(f"{metric.upper()} {statistic}, {unit}", cells, right=True)
