"""Which speed rows may be compared with each other, and the bounds of their printed values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable

from advisor.record.measurement import SpeedMeasurement
from advisor.record.store import Located

Row = Located[SpeedMeasurement]


def grouped(
    rows: Iterable[Row], key: Callable[[SpeedMeasurement], tuple[Hashable, ...] | None]
) -> list[list[Row]]:
    """Rows of one set-up (source table, model, format, engine, its arguments, metric) and equal `key`.

    Rows whose key is None stay out.
    """
    groups: dict[tuple[Hashable, ...], list[Row]] = defaultdict(list)
    for row in rows:
        rest = key(row.record)
        if rest is not None:
            groups[setup(row.record) + rest].append(row)
    return [group for group in groups.values() if len(group) > 1]


def setup(r: SpeedMeasurement) -> tuple[Hashable, ...]:
    """What must be equal, GPU and load apart, to compare two rows of one source."""
    table = r.source.partition(" run ")[0]
    run = (r.engine, r.engine_version, _arguments(r), r.lengths)
    return (table, r.model, r.format, r.kv_format, *run, r.metric, r.statistic)


def _arguments(r: SpeedMeasurement) -> tuple[str, ...]:
    """The engine arguments among the conditions: `key=value`; the rest are remarks."""
    return tuple(sorted(part for part in r.conditions.split("; ") if "=" in part))


def place(row: Row, seen_from: Row) -> str:
    """`line 12`, with the file's name where it is another."""
    return f"line {row.line}" + ("" if row.file == seen_from.file else f" of {row.file.name}")


def least(r: SpeedMeasurement) -> float:
    """The smallest value that rounds to the printed one."""
    return r.value - (r.half_width or 0.0)


def most(r: SpeedMeasurement) -> float:
    """The largest value that rounds to the printed one."""
    return r.value + (r.half_width or 0.0)


def requests_per_s(r: SpeedMeasurement, value: float) -> float:
    """`value` of the throughput metric of `r`, as requests per second."""
    if r.metric == "output_tokens_per_s":
        return value / r.output_tokens
    if r.metric == "total_tokens_per_s":
        return value / (r.input_tokens + r.output_tokens)
    return value


def lengths(r: SpeedMeasurement) -> str:
    return f"{r.input_tokens:g}/{r.output_tokens:g}"
