"""The kinds of measurement files and their columns: listed by hand, so no type's new field changes a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from advisor.record.kernel_timing import KernelTiming
from advisor.record.measurement import FailedRun, PrintedCost, QualityMeasurement, SpeedMeasurement
from advisor.spec.reading.amounts import plain_number

VERSION = 1
MARK = "#quantadvise"
Record = TypeVar("Record", SpeedMeasurement, QualityMeasurement, FailedRun, PrintedCost, KernelTiming)
Cell = Literal["text", "text?", "number", "number?", "count", "count?"]
"""What a column holds; with `?` an empty cell means "not known"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Generic[Record]):
    """One kind of measurement file: its name, its columns in order, what a row becomes."""

    kind: str
    make: Callable[..., Record]
    columns: tuple[tuple[str, Cell], ...]
    later: int = 0
    """How many of the last columns a file may lack, written before they were thought of: not known there."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.columns)

    @property
    def first_line(self) -> str:
        return f"{MARK} {self.kind} {VERSION}"


SPEED = Table(
    kind="speed",
    make=SpeedMeasurement,
    columns=(
        ("model", "text"),
        ("format", "text"),
        ("kv_format", "text"),
        ("gpu", "text"),
        ("num_gpus", "count"),
        ("input_tokens", "number"),
        ("output_tokens", "number"),
        ("lengths", "text"),
        ("load", "text"),
        ("load_value", "number?"),
        ("engine", "text"),
        ("engine_version", "text?"),
        ("metric", "text"),
        ("statistic", "text"),
        ("value", "number"),
        ("half_width", "number?"),
        ("samples", "count?"),
        ("stderr", "number?"),
        ("origin", "text"),
        ("source", "text"),
        ("licence", "text"),
        ("date", "text?"),
        ("conditions", "text"),
        ("suspect", "text"),
        ("printed", "text"),
        ("requests", "count?"),
        ("repeats", "count?"),
        ("input_std", "number?"),
        ("output_std", "number?"),
        ("burstiness", "number?"),
    ),
    later=5,
)
QUALITY = Table(
    kind="quality",
    make=QualityMeasurement,
    columns=(
        ("model", "text"),
        ("format", "text"),
        ("algorithm", "text"),
        ("task", "text"),
        ("metric", "text"),
        ("protocol", "text"),
        ("value", "number"),
        ("baseline", "number?"),
        ("stderr", "number?"),
        ("samples", "count?"),
        ("origin", "text"),
        ("source", "text"),
        ("licence", "text"),
        ("date", "text?"),
        ("suspect", "text"),
        ("conditions", "text"),
        ("printed_recovery_pct", "number?"),
        ("paired_stderr", "number?"),
    ),
    later=1,
)
FAILURES = Table(
    kind="failures",
    make=FailedRun,
    columns=(
        ("model", "text"),
        ("format", "text"),
        ("kv_format", "text"),
        ("gpu", "text"),
        ("num_gpus", "count"),
        ("max_context", "count?"),
        ("engine", "text"),
        ("engine_version", "text?"),
        ("stage", "text"),
        ("reason", "text"),
        ("detail", "text"),
        ("source", "text"),
        ("date", "text?"),
        ("load", "text?"),
        ("load_value", "number?"),
        ("input_tokens", "number?"),
        ("output_tokens", "number?"),
    ),
    later=4,
)
COSTS = Table(
    kind="costs",
    make=PrintedCost,
    columns=(
        ("model", "text"),
        ("format", "text"),
        ("gpu", "text"),
        ("num_gpus", "count"),
        ("input_tokens", "number"),
        ("output_tokens", "number"),
        ("load", "text"),
        ("metric", "text"),
        ("value", "number"),
        ("half_width", "number"),
        ("queries_per_usd", "number"),
        ("queries_half_width", "number"),
        ("usd_per_hour", "number"),
        ("source", "text"),
        ("licence", "text"),
        ("suspect", "text"),
    ),
)
KERNELS = Table(
    kind="kernels",
    make=KernelTiming,
    columns=(
        ("gpu", "text"),
        ("num_gpus", "count"),
        ("what", "text"),
        ("dtype", "text?"),
        ("tokens", "count?"),
        ("width", "count?"),
        ("context", "count?"),
        ("batch", "count?"),
        ("size_bytes", "count?"),
        ("unit", "text"),
        ("value", "number"),
        ("seconds", "number"),
        ("source", "text"),
        ("licence", "text"),
        ("date", "text?"),
        ("conditions", "text"),
        ("depth", "count?"),
        ("heads", "count?"),
        ("kv_heads", "count?"),
        ("head_dim", "count?"),
        ("window", "count?"),
        ("kv_dtype", "text?"),
    ),
    later=6,
)
TABLES: tuple[Table[Any], ...] = (SPEED, QUALITY, FAILURES, COSTS, KERNELS)
KINDS = tuple(table.kind for table in TABLES)


def _number(text: str) -> float:
    number = plain_number(text)
    if number is None:
        raise ValueError("not a number" if text else "but a number is needed")
    return number


def _count(text: str) -> int:
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise ValueError("not a whole number" if text else "but a whole number is needed")
    return int(text)


READERS: dict[Cell, Callable[[str], Any]] = {
    # What the text of a cell says; raises ValueError with the reason.
    "text": str,
    "text?": lambda text: text or None,
    "number": _number,
    "number?": lambda text: _number(text) if text else None,
    "count": _count,
    "count?": lambda text: _count(text) if text else None,
}
