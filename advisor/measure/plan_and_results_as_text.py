"""A run as text: what is planned, what was measured, which tools are missing. No decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from advisor.measure import commands_as_text
from advisor.measure.ledger_to_records import Records
from advisor.measure.plan_progress import Planned
from advisor.measure.plan_to_jobs import Prepared, tools_needed
from advisor.measure.steps.bench import Point
from advisor.measure.tools import envs, install
from advisor.record.mean_interval import half_width_90
from advisor.record.measurement import QualityMeasurement, SpeedMeasurement
from advisor.spec.benchmark_run import REPEATS

_SEEN = (
    ("ttft_ms", "mean", "TTFT mean, ms"),
    ("ttft_ms", "p50", "p50"),
    ("ttft_ms", "p95", "p95"),
    ("ttft_ms", "p99", "p99"),
    ("tpot_ms", "mean", "TPOT mean, ms"),
    ("tpot_ms", "p95", "p95"),
    ("e2e_ms", "mean", "E2E mean, ms"),
    ("e2e_ms", "p95", "p95"),
    ("requests_per_s", "mean", "requests/s"),
    ("output_tokens_per_s", "mean", "output tokens/s"),
)


_METRICS = ("ttft_ms", "tpot_ms", "itl_ms", "e2e_ms", "requests_per_s", "output_tokens_per_s")
_LOADS = ("single", "concurrency", "rate", "maximum")
SCORES_NOTE = (
    "±: 90 % interval. A difference is over the same items as the 16-bit score, so its interval is narrower."
)
SPEED_NOTE = (
    "Latencies in milliseconds, over the requests of all repeats; p50, p95, p99: percentiles of the metric "
    "before them. ±: 90 % interval of the mean over repeats (Student's t)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Cells as text, under a head; shown as text or as a page."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def text(self) -> str:
        return table(self.head, self.rows)


Part = Table | str
"""Part of a run's report: a table, or lines of plain text."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need to be, two blanks between them."""
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    ]
    return "\n".join(lines)


def dry_run(prepared: Prepared, rows: Sequence[Planned]) -> str:
    """Steps with their state, the commands, the devices."""
    devices = ", ".join(sorted({f"{device.name} ({device.driver_name})" for device in prepared.devices}))
    parts = [
        f"{prepared.model_name} on {devices}; folder {prepared.folder}",
        table(("step", "state"), [(row.step.title, row.state) for row in rows]),
    ]
    lines = [line for job in prepared.jobs for line in commands_as_text.of_job(job, prepared.folder)]
    parts.append(
        "commands, which read files that a run makes (--write-commands DIR writes scripts that run as they "
        "stand):\n" + "\n".join(lines)
    )
    needed = tools_needed(prepared.plan)
    missing = [
        f"{tool.title} is not installed; run: quantadvise tools install {tool.name}"
        for tool in envs.TOOLS
        if tool.name in needed and envs.find(tool.name) is None
    ]
    return "\n\n".join([*parts, *(["\n".join(missing)] if missing else [])])


def records_line(found: Records, folder: Path) -> str:
    """How many records of each kind there are, and where."""
    counts = [
        f"{len(rows)} {name}"
        for rows, name in ((found.speed, "speed"), (found.quality, "quality"), (found.failures, "failure"))
    ]
    return f"{', '.join(counts[:2])} and {counts[2]} records in {folder / 'records'}"


def quality_table(rows: Sequence[QualityMeasurement]) -> Table:
    """One line per score with its 90 % interval, and the difference to 16 bits over the same items."""
    head = ("format", "task", "metric", "score", "16 bits", "difference")
    lines = [
        (
            row.format,
            row.task,
            row.metric,
            f"{row.value:.4g}" + ("" if row.stderr is None else f" ± {half_width_90(row.stderr):.2g}"),
            "-" if row.baseline is None else f"{row.baseline:.4g}",
            row.conditions.removeprefix("paired difference to 16 bits ") or "-",
        )
        for row in rows
    ]
    return Table(head=head, rows=tuple(lines))


def ordered(rows: Sequence[SpeedMeasurement]) -> list[SpeedMeasurement]:
    """By format as they come, number of GPUs, load from the lightest, TTFT before TPOT before E2E."""
    formats = list(dict.fromkeys(row.format for row in rows))

    def place(row: SpeedMeasurement) -> tuple[float, ...]:
        metric = _METRICS.index(row.metric) if row.metric in _METRICS else len(_METRICS)
        # One client alone is a closed loop of one.
        load = "concurrency" if row.load == "single" else row.load
        return (formats.index(row.format), row.num_gpus, _LOADS.index(load), row.load_value or 1.0, metric)

    return sorted(rows, key=place)


def speed_table(rows: Sequence[SpeedMeasurement], *, tails: bool = True) -> Table:
    """One line per point; ± is the 90 % interval over repeats, a percentile stands beside its mean.

    tails: percentiles have their interval, too.
    """
    points: dict[tuple[str, int, str, float | None, str], dict[tuple[str, str], SpeedMeasurement]] = {}
    for row in ordered(rows):
        served = row.conditions.partition(";")[0]  # a folder may hold runs with other settings
        key = (row.format, row.num_gpus, row.load, row.load_value, served)
        points.setdefault(key, {})[(row.metric, row.statistic)] = row
    several = len({served for *_, served in points}) > len({(one, n) for one, n, *_ in points})
    lines = []
    for (format, num_gpus, load, value, served), figures in points.items():
        one = next(iter(figures.values()))
        sent = "-" if one.requests is None or one.repeats is None else f"{one.repeats} × {one.requests}"
        name = _load_name(load, value)
        remarks = [_remark(tuple(figures.values())), served if several else ""]
        cells = (
            _figure(figures, metric, statistic, interval=tails or statistic == "mean")
            for metric, statistic, _ in _SEEN
        )
        lines.append((format, str(num_gpus), name, sent, *cells, "; ".join(filter(None, remarks))))
    head = ("format", "GPUs", "load", "requests", *(name for _, _, name in _SEEN), "remark")
    return Table(head=head, rows=tuple(lines))


def _load_name(load: str, value: float | None) -> str:
    """Name of a plan's point: `concurrency 8`, `2.5 requests/s`, `maximum`."""
    if value is None:
        return {"single": "concurrency 1"}.get(load, load)
    return str(Point(kind="rate", value=value)) if load == "rate" else f"{load} {value:g}"


def _figure(
    figures: Mapping[tuple[str, str], SpeedMeasurement], metric: str, statistic: str, *, interval: bool
) -> str:
    """A figure with its 90 % interval over repeats; a dash where it was not measured."""
    one = figures.get((metric, statistic))
    if one is None:
        return "-"
    if not interval or one.stderr is None or one.repeats is None:
        return f"{one.value:.4g}"
    return f"{one.value:.4g} ± {half_width_90(one.stderr, one.repeats):.2g}"


def _remark(figures: Sequence[SpeedMeasurement]) -> str:
    """Why a point's figures are less certain than they look."""
    suspect = next((one.suspect for one in figures if one.suspect), "")
    repeats = figures[0].repeats
    if suspect or repeats is None or repeats >= REPEATS:
        return suspect
    return "1 repeat only: scatter unknown" if repeats == 1 else f"{repeats} repeats only: hence the wide ±"


def tools() -> str:
    """Which tools are found, where, in which version, and the command for those that are not."""
    rows = []
    for tool in envs.TOOLS:
        found = envs.find(tool.name)
        if found is None:
            rows.append((tool.title, "-", tool.tested, f"quantadvise tools install {tool.name}"))
            continue
        note = f"older than {tool.minimum}: quantadvise tools install {tool.name}" if found.too_old else ""
        rows.append((tool.title, found.version, tool.tested, note or f"{found.where} ({found.python})"))
    where = f"own environments: {envs.root()}"
    made = [name for name in install.ENVIRONMENTS if install.is_current(name)]
    return table(("tool", "found", "tested", "where"), rows) + f"\n{where} ({', '.join(made) or 'none yet'})"
