"""A run as text: what is planned, what was seen, which tools there are. No decisions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from advisor.measure import commands
from advisor.measure.planned import Planned
from advisor.measure.prepared import Prepared
from advisor.measure.records import Records
from advisor.measure.tools import envs, install
from advisor.record.measurement import SpeedMeasurement
from advisor.spec.benchmark_run import REPEATS

_SEEN = (
    ("ttft_ms", "mean", "TTFT ms"),
    ("ttft_ms", "p99", "p99"),
    ("tpot_ms", "mean", "TPOT ms"),
    ("tpot_ms", "p99", "p99"),
    ("requests_per_s", "mean", "requests/s"),
    ("output_tokens_per_s", "mean", "tokens/s"),
)


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
    lines = [line for job in prepared.jobs for line in commands.of_job(job, prepared.folder)]
    parts.append(
        "commands, which read files that a run makes (--write-commands DIR writes scripts that run as they "
        "stand):\n" + "\n".join(lines)
    )
    missing = [
        f"{tool.title} is not installed; run: quantadvise tools install {tool.name}"
        for tool in envs.TOOLS
        if tool.name in _needed(prepared) and envs.find(tool.name) is None
    ]
    return "\n\n".join([*parts, *(["\n".join(missing)] if missing else [])])


def _needed(prepared: Prepared) -> set[str]:
    plan = prepared.plan
    needed = {"vllm"} if plan.points or plan.slo_search else set()
    if any(plan.is_made(format) for format in plan.formats):
        needed.add("quantize")
    return needed | ({"evaluate"} if plan.tasks else set())


def seen(found: Records, folder: Path) -> str:
    """The table of what was measured, scores with their paired differences, failures, where it all lies."""
    parts = []
    if found.speed:
        parts.append(speed_table(found.speed))
    if found.quality:
        head = ("format", "task", "metric", "score", "baseline", "difference")
        parts.append(
            table(
                head,
                [
                    (
                        row.format,
                        row.task,
                        row.metric,
                        f"{row.value:.4g}" + ("" if row.stderr is None else f" ± {row.stderr:.2g}"),
                        "-" if row.baseline is None else f"{row.baseline:.4g}",
                        row.conditions.removeprefix("paired difference to 16 bits ") or "-",
                    )
                    for row in found.quality
                ],
            )
        )
    parts += found.rates
    parts += [f"failed: {row.format} {row.stage} ({row.reason}): {row.detail}" for row in found.failures]
    records = folder / "records"
    parts.append(f"{len(found.speed)} speed and {len(found.quality)} quality records in {records}")
    return "\n\n".join(parts)


def speed_table(rows: Sequence[SpeedMeasurement]) -> str:
    """One line per point; ± is the standard error over repeats."""
    points: dict[tuple[str, int, str, float | None], dict[tuple[str, str], SpeedMeasurement]] = {}
    for row in rows:
        key = (row.format, row.num_gpus, row.load, row.load_value)
        points.setdefault(key, {})[(row.metric, row.statistic)] = row
    lines = []
    for (format, num_gpus, load, value), figures in points.items():
        cells = [format, str(num_gpus), load if value is None else f"{load} {value:g}"]
        for metric, statistic, _ in _SEEN:
            one = figures.get((metric, statistic))
            error = "" if one is None or one.stderr is None or statistic != "mean" else f" ± {one.stderr:.2g}"
            cells.append("-" if one is None else f"{one.value:.4g}{error}")
        lines.append([*cells, _remark(tuple(figures.values()))])
    return table(("format", "GPUs", "load", *(name for _, _, name in _SEEN), "remark"), lines)


def _remark(figures: Sequence[SpeedMeasurement]) -> str:
    """Why a point's figures are less certain than they look."""
    suspect = next((one.suspect for one in figures if one.suspect), "")
    repeats = figures[0].repeats
    if suspect or repeats is None or repeats >= REPEATS:
        return suspect
    return f"{repeats} repeat{'s' if repeats > 1 else ''} only: scatter unknown"


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
