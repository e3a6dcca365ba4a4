"""Speed rows that repeat, copy or contradict each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence

from advisor.record.checks.comparable_rows import Row, grouped, place
from advisor.record.checks.finding import Finding, find
from advisor.record.measurement import SpeedMeasurement
from advisor.units import MS_PER_S

_REPEATS_WITHIN = 1.2
_COPY_DIGITS = 4
_COPIES = 3
_IN_FLIGHT_SLACK = 1.15


def check_repeats(rows: Sequence[Row]) -> Iterator[Finding]:
    """Repeats that disagree, figures copied between GPUs, figures of one run that exclude each other."""
    yield from _repeats(rows)
    yield from _copies(rows)
    yield from _in_flight(rows)


def _cell(r: SpeedMeasurement) -> tuple[Hashable, ...]:
    return (r.gpu, r.num_gpus, r.input_tokens, r.output_tokens, r.load, r.load_value)


def _dated_cell(r: SpeedMeasurement) -> tuple[Hashable, ...]:
    cell: tuple[Hashable, ...] = (*_cell(r), r.date)
    return cell


def _repeats(rows: Sequence[Row]) -> Iterator[Finding]:
    """Cells that one source has twice on one day, more than a fifth apart."""
    for group in grouped(rows, _dated_cell):
        low = min(group, key=lambda row: row.record.value)
        high = max(group, key=lambda row: row.record.value)
        if high.record.value > _REPEATS_WITHIN * low.record.value:
            what = f"{low.record.value:g} here, {high.record.value:g} for the same cell ({place(high, low)})"
            remedy = "find the engine argument that differs and write it into conditions"
            yield find(low, "warning", what, high, remedy=remedy)


def _copies(rows: Sequence[Row]) -> Iterator[Finding]:
    """Figures that two GPUs share to the last of four or more digits: one table was pasted into another."""
    by_value: dict[tuple[Hashable, ...], list[Row]] = defaultdict(list)
    for row in rows:
        r = row.record
        if len(f"{r.value:.15g}".replace(".", "").strip("0")) >= _COPY_DIGITS:
            key = (r.model, r.format, r.metric, r.statistic, r.value)
            by_value[key + _cell(r)[1:]].append(row)
    pairs: dict[tuple[str, str, str, str], list[tuple[Row, Row]]] = defaultdict(list)
    for group in by_value.values():
        for one in group:
            for other in group:
                a, b = one.record, other.record
                if a.gpu < b.gpu:
                    pairs[(a.source, b.source, a.gpu, b.gpu)].append((one, other))
    for equal in pairs.values():
        if len(equal) >= _COPIES:
            for one, other in equal:
                for row, twin in ((one, other), (other, one)):
                    a, b = row.record, twin.record
                    what = f"{a.value:g} on {a.gpu} has the very digits of {b.gpu} ({place(twin, row)})"
                    more = f"{what}, as have {len(equal) - 1} more figures of these sources"
                    yield find(row, "error", more, twin)


def _in_flight(rows: Sequence[Row]) -> Iterator[Finding]:
    """Little's law: requests in flight = rate × time in the system, and a closed loop keeps them constant."""
    runs: dict[tuple[Hashable, ...], dict[str, Row]] = defaultdict(dict)
    for row in rows:
        r = row.record
        if r.load == "concurrency" and r.statistic == "mean":
            run = (r.source, r.model, r.format, r.kv_format, r.engine_version, r.date, r.conditions)
            runs[run + _cell(r)].setdefault(r.metric, row)
    for seen in runs.values():
        rate, ttft, tpot = (seen.get(name) for name in ("output_tokens_per_s", "ttft_ms", "tpot_ms"))
        if rate is None or ttft is None or tpot is None or rate.record.load_value is None:
            continue
        r = rate.record
        time_ms = ttft.record.value + (r.output_tokens - 1) * tpot.record.value
        in_flight, offered = r.value / r.output_tokens * time_ms / MS_PER_S, rate.record.load_value
        what = (
            f"rate, TTFT and TPOT together mean {in_flight:.3g} requests in flight, the load was {offered:g}"
        )
        if in_flight > offered * _IN_FLIGHT_SLACK:
            yield find(rate, "error", what, ttft, tpot)
        elif in_flight < offered / 2:
            yield find(rate, "warning", what, ttft, tpot)
