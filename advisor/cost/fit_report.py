"""How far off the fit is on data it had not seen, as rows of tables, and the file that keeps them.

Nothing that answers reads it: `quantadvise fit --report` and the page maker do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from advisor.errors import DataError

NAME = "fit_report.json"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFigures:
    """|predicted ÷ measured − 1| over some rows."""

    rows: int
    mean: float
    median: float
    p90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalFigures:
    """90 % intervals over some rows, each row's made without its group."""

    coverage: float
    """Share of the rows inside."""
    width: float
    """Median of high ÷ low."""
    score: float
    """Mean interval score in logs: the width, and 20 × what lies outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldRow:
    """One quantity with something left out."""

    left_out: str
    quantity: str
    errors: ErrorFigures
    intervals: IntervalFigures | None = None
    groups: int | None = None
    """How many were left out in turn; None where single rows were."""
    largest: float | None = None
    """The largest group's share of the rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRow:
    """One model, format, GPU, generation, release or source under one kind of load."""

    of: str
    load: str
    errors: ErrorFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRow:
    """A simpler mean on the same rows."""

    baseline: str
    quantity: str
    errors: ErrorFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """How well a way to choose names the cheapest format."""

    load: str
    by: str
    blocks: int
    best: float
    near: float
    """Share of blocks in which a format within 2 % of the best was named."""
    regret: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRow:
    """Mean error on a GPU's cells after some of them were shown."""

    gpu: str
    rows: int
    suggested: Mapping[str, float]
    """By number of cells shown, those that the tool would measure first."""
    random: Mapping[str, float]
    all: float
    """With all of them in the fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatRow:
    """How far two sources differ on the same cells."""

    load: str
    pairs: int
    mean: float
    median: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HardestRow:
    """Errors of all models, and without those that are furthest off."""

    quantity: str
    models: str
    errors: ErrorFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioRow:
    """The ratio of two formats on the same GPUs under the same load, with something left out."""

    left_out: str
    quantity: str
    kernels: str
    pairs: int
    median: float
    """Median of |log(measured ÷ predicted)| of the ratio."""
    intervals: IntervalFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class DecileRow:
    """Rows of one tenth of the stated widths, sources left out."""

    quantity: str
    decile: int
    """1: the narrowest tenth."""
    rows: int
    intervals: IntervalFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityRow:
    """Limits that are said to be kept with a probability in one bin, sources left out."""

    low: float
    high: float
    limits: int
    said: float
    """Mean probability that was said."""
    kept: float
    """Share that was kept."""
    range_low: float
    range_high: float
    """Central 90 % of the shares that so many independent limits would show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentRow:
    """One of the deployments with most measurements, its sources left out in turn."""

    deployment: str
    load: str
    sources: int
    metric: str
    errors: ErrorFigures
    intervals: IntervalFigures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRow:
    """One row under load with its source left out, for a plot."""

    metric: str
    measured: float
    predicted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRow:
    """Rows that are not in the fit, and why."""

    why: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FitReport:
    """Every table of held-out figures."""

    text: str = ""
    """One sentence about the fit."""
    noise: Mapping[str, float] = field(default_factory=dict)
    """How far each class of rows scatters about the fit, in logs."""
    deployments: tuple[DeploymentRow, ...] = ()
    by_fold: tuple[FoldRow, ...] = ()
    by_percentile: tuple[FoldRow, ...] = ()
    ratios: tuple[RatioRow, ...] = ()
    deciles: tuple[DecileRow, ...] = ()
    reliability: tuple[ReliabilityRow, ...] = ()
    points: tuple[PointRow, ...] = ()
    decisions: tuple[DecisionRow, ...] = ()
    repeats: tuple[RepeatRow, ...] = ()
    hardest: tuple[HardestRow, ...] = ()
    learning: tuple[LearningRow, ...] = ()
    baselines: tuple[BaselineRow, ...] = ()
    by_model: tuple[SplitRow, ...] = ()
    by_format: tuple[SplitRow, ...] = ()
    by_gpu: tuple[SplitRow, ...] = ()
    by_generation: tuple[SplitRow, ...] = ()
    by_release: tuple[SplitRow, ...] = ()
    by_source: tuple[SplitRow, ...] = ()
    left_out_rows: tuple[ReasonRow, ...] = ()


_ROWS: Mapping[str, type[Any]] = {
    "deployments": DeploymentRow,
    "by_fold": FoldRow,
    "by_percentile": FoldRow,
    "ratios": RatioRow,
    "deciles": DecileRow,
    "reliability": ReliabilityRow,
    "points": PointRow,
    "decisions": DecisionRow,
    "repeats": RepeatRow,
    "hardest": HardestRow,
    "learning": LearningRow,
    "baselines": BaselineRow,
    **dict.fromkeys(
        ("by_model", "by_format", "by_gpu", "by_generation", "by_release", "by_source"), SplitRow
    ),
    "left_out_rows": ReasonRow,
}


def dumps(report: FitReport) -> str:
    """The file's text: one line per row."""
    lines = [f'"version": {VERSION}']
    for part in fields(report):
        value = getattr(report, part.name)
        if part.name in _ROWS:
            rows = [json.dumps(asdict(row), ensure_ascii=False) for row in value]
            lines.append(
                f'"{part.name}": [\n  ' + ",\n  ".join(rows) + "\n ]" if rows else f'"{part.name}": []'
            )
        else:
            lines.append(f'"{part.name}": {json.dumps(value, ensure_ascii=False)}')
    return "{\n " + ",\n ".join(lines) + "\n}\n"


def read(path: Path) -> FitReport:
    """The report in `path`. Raises DataError when it is missing, damaged or of another version."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] != VERSION:
            raise DataError(f"{path}: version {document['version']}, known is {VERSION}; run quantadvise fit")
        tables = {name: tuple(_row(kind, row) for row in document[name]) for name, kind in _ROWS.items()}
        return FitReport(text=document["text"], noise=document["noise"], **tables)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a readable report ({error}); run quantadvise fit") from error


def _row(kind: type[Any], document: Mapping[str, Any]) -> Any:
    parts = dict(document)
    for name, figures in (("errors", ErrorFigures), ("intervals", IntervalFigures)):
        if parts.get(name) is not None:
            parts[name] = figures(**parts[name])
    return kind(**parts)
