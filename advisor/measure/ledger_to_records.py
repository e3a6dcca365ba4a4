"""Ledger → records: what the store reads and the cost model learns from. Pure, but for reading items."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.errors import one_line
from advisor.measure.state.ledger import Entry
from advisor.measure.steps import repeats_agree
from advisor.measure.steps.bench import BenchResult, Point, saturated
from advisor.measure.steps.lm_eval_scores import Difference, Score, difference, item_of
from advisor.measure.steps.running_server import MAX_UNPLANNED_HITS
from advisor.measure.tools import digests, result_files
from advisor.record.mean_interval import half_width_90
from advisor.record.measurement import FailedRun, QualityMeasurement, SpeedMeasurement
from advisor.spec.formats.recipes import UNQUANTIZED
from advisor.spec.workloads.load_kind import LoadKind

LICENCE = "own measurement"
SAME_LENGTH = 0.02
"""A mean prompt length this close to the one asked for is written as asked, so that formats pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """All that a run's ledger says."""

    speed: tuple[SpeedMeasurement, ...]
    quality: tuple[QualityMeasurement, ...]
    failures: tuple[FailedRun, ...]
    rates: tuple[str, ...] = ()
    """What searches for the highest rate within the limits found, in words."""


def records(entries: Iterable[Entry], raw: Path, run: str) -> Records:
    """Records of every entry; `raw` holds the attachments, `run` names the source."""
    rows = list(entries)
    speed: list[SpeedMeasurement] = []
    failures = [failed(entry, run) for entry in rows if entry.failure is not None]
    for group in _points(rows):
        found = point_records(group, run)
        if isinstance(found, FailedRun):
            failures.append(found)
        else:
            speed += found
    return Records(
        speed=tuple(sorted(speed, key=_order)),
        quality=tuple(quality_records(rows, raw, run)),
        failures=tuple(sorted(failures, key=lambda row: (row.format, row.stage, row.detail))),
        rates=tuple(
            rate_found(entry) for entry in rows if entry.kind == "search" and entry.result is not None
        ),
    )


def rate_found(entry: Entry) -> str:
    """`int4 ×1: 31.9 requests/s keep the limits, 32.6 do not; the server's maximum is 47.4`."""
    found = entry.result or {}
    name = entry.title.partition(" highest")[0]
    kept = "no rate keeps" if found["rate"] is None else f"{found['rate']:.3g} requests/s keep"
    broken = f"{found['breaks_at']:.3g} do not"
    return f"{name}: {kept} the limits, {broken}; the server's maximum is {found['maximum']:.3g}"


def _order(row: SpeedMeasurement) -> tuple[str, ...]:
    value = -1.0 if row.load_value is None else row.load_value
    return (row.format, str(row.num_gpus), row.load, f"{value:012.4f}", row.metric, row.statistic)


def _points(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Repeats of the same point together, in order of their date."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.kind == "bench" and entry.result is not None:
            inputs = {name: value for name, value in entry.inputs.items() if name != "seed"}
            groups.setdefault(digests.digest(inputs), []).append(entry)
    return list(groups.values())


def load_of(point: Point) -> tuple[LoadKind, float | None]:
    """A point in the words of records: one in flight is `single`."""
    if point.kind == "concurrency":
        return ("single", None) if point.value == 1 else ("concurrency", point.value)
    return (point.kind, point.value)


def _tokens(asked: float, seen: float) -> float:
    return asked if abs(seen - asked) <= SAME_LENGTH * asked else round(seen, 1)


def point_records(group: Sequence[Entry], run: str) -> list[SpeedMeasurement] | FailedRun:
    """One row per figure, the mean over repeats; a FailedRun where an open loop was saturated."""
    facts = group[0].extra["facts"]
    point = Point(**group[0].inputs["point"])
    results = [BenchResult.from_json(entry.result or {}) for entry in group]
    over = [result for result in results if saturated(point, result)]
    if over:
        return _saturated(facts, group[0], point, over[0], run)
    worst = repeats_agree.worst_variation(results)
    load, value = load_of(point)
    names = [name for name in results[0].figures if all(name in result.figures for result in results)]
    rows = []
    for name in names:
        metric, _, statistic = name.partition("/")
        if load == "maximum" and not metric.endswith("_per_s"):
            continue  # all queued at once: a latency there is a place in the queue
        values = [result.figures[name] for result in results]
        mean = math.fsum(values) / len(values)
        varies = repeats_agree.variation(values)
        rows.append(
            SpeedMeasurement(
                model=facts["model"],
                format=facts["format"],
                kv_format=facts["kv_format"],
                gpu=facts["gpu"],
                num_gpus=facts["num_gpus"],
                input_tokens=_tokens(facts["asked_input"], _mean(r.input_tokens for r in results)),
                output_tokens=_tokens(facts["asked_output"], _mean(r.output_tokens for r in results)),
                lengths=facts["lengths"],
                load=load,
                load_value=value,
                engine="vllm",
                engine_version=facts["engine_version"],
                metric=metric,  # type: ignore[arg-type]
                statistic=statistic,
                value=mean,
                half_width=None,
                samples=sum(result.completed for result in results),
                stderr=None if varies is None else varies * abs(mean) / math.sqrt(len(values)),
                origin="measured",
                source=run,
                licence=LICENCE,
                date=group[-1].date[:10],
                conditions=_conditions(facts, group, worst),
                suspect=_suspect(facts, group, worst),
                requests=group[0].inputs["requests"],
                repeats=len(group),
                input_std=_pooled_std([r.input_std for r in results]),
                output_std=_pooled_std([r.output_std for r in results]),
                burstiness=_burstiness(group[0]),
            )
        )
    return rows


def _saturated(
    facts: Mapping[str, Any], entry: Entry, point: Point, result: BenchResult, run: str
) -> FailedRun:
    came, grew = result.figures["requests_per_s/mean"], result.ttft_growth
    detail = f"saturated at {point}: {came:.3g} requests/s came back"
    detail = detail if grew is None else f"{detail}, TTFT grew {grew:.1f} times over the run"
    return _failed_run(facts, entry, stage="bench", reason="unsteady", detail=detail, run=run)


def _pooled_std(found: Sequence[float | None]) -> float | None:
    """Standard deviation of the lengths within a repeat; None where a repeat does not know its own."""
    known = [std**2 for std in found if std is not None]
    return math.sqrt(_mean(known)) if known and len(known) == len(found) else None


def _burstiness(entry: Entry) -> float | None:
    """Burstiness of an open loop's arrivals; None for other loads, and where it was not recorded yet."""
    found = entry.inputs["traffic"].get("burstiness")
    return found if entry.inputs["point"]["kind"] == "rate" else None


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return math.fsum(found) / len(found)


def _conditions(facts: Mapping[str, Any], group: Sequence[Entry], worst: float | None) -> str:
    """How it was measured, in one line."""
    server = facts.get("server")
    words = [f"vllm serve {' '.join(facts['arguments'])}" if server is None else server]
    words.append(f"{group[0].inputs['requests']} requests x {len(group)}")
    if worst is not None:
        words.append(f"variation {worst:.1%}")
    if facts["dummy"]:
        words.append("dummy weights")
    if facts["prefix_hit_rate"]:
        words.append(f"prefix hit rate {facts['prefix_hit_rate']:g}")
    extra = group[0].extra
    units = (("memory_mib", "MiB"), ("power_w", "W"), ("sm_clock_mhz", "MHz"), ("temperature_c", "°C"))
    words += [f"{extra[name]:g} {unit}" for name, unit in units if name in extra]
    busy = [entry.extra["host_load"] for entry in group if "host_load" in entry.extra]
    if busy:
        words.append(f"host load {max(busy):g} per core before it")
    words += [f"{name} {extra[name]}" for name in ("quantadvise", "fit") if name in extra]
    tokens = extra.get("serve", {}).get("kv_cache_tokens")
    if tokens:
        words.append(f"KV cache {tokens:g} tokens")
    return "; ".join(words)


def _suspect(facts: Mapping[str, Any], group: Sequence[Entry], worst: float | None) -> str:
    """Why a row would bias the fit; empty where nothing is known that would."""
    if facts.get("unknown"):
        return f"unknown: {', '.join(facts['unknown'])}"
    if facts["prefix_hit_rate"]:
        return "prefix cache in use"
    hits = max((entry.extra.get("prefix_hits", 0.0) for entry in group), default=0.0)
    if hits > MAX_UNPLANNED_HITS:
        return f"{100 * hits:.0f} % of the prompt tokens came from the prefix cache"
    if worst is not None and worst > repeats_agree.UNSTEADY:
        return f"repeats vary by {100 * worst:.0f} %"
    return ""


def quality_records(entries: Sequence[Entry], raw: Path, run: str) -> list[QualityMeasurement]:
    """One row per metric, with the 16-bit model's score under the same protocol as its baseline."""
    scored = [
        (entry, score)
        for entry in entries
        if entry.kind == "evaluate" and entry.result is not None
        for score in scores_of(entry, raw)
    ]
    base = {
        (entry.extra["facts"]["model"], score.task, score.name, score.protocol): score
        for entry, score in scored
        if entry.extra["facts"]["format"] in UNQUANTIZED
    }
    rows = []
    for entry, score in scored:
        facts = entry.extra["facts"]
        baseline = base.get((facts["model"], score.task, score.name, score.protocol))
        same = facts["format"] in UNQUANTIZED
        paired = None if baseline is None or same else difference(score, baseline)
        rows.append(
            QualityMeasurement(
                model=facts["model"],
                format=facts["format"],
                algorithm=facts["algorithm"],
                task=score.task,
                metric=score.name,
                protocol=score.protocol,
                value=score.value,
                baseline=None if baseline is None else baseline.value,
                stderr=score.stderr,
                samples=score.samples,
                origin="measured",
                source=run,
                licence=LICENCE,
                date=entry.date[:10],
                conditions="; ".join(_accuracy_conditions(facts, score, paired)),
                paired_stderr=None if paired is None or not _is_share(score) else paired.stderr,
                suspect="" if score.higher_is_better else "lower is better: value / baseline is no recovery",
            )
        )
    return sorted(rows, key=lambda row: (row.format, row.task, row.metric, row.protocol))


def _accuracy_conditions(facts: Mapping[str, Any], score: Score, paired: Difference | None) -> list[str]:
    words = [] if paired is None else [difference_text(score, paired)]
    return [*words, "FP8 KV cache"] if facts["kv_format"] == "fp8" else words


def _is_share(score: Score) -> bool:
    """Whether the difference of two such scores is in the score's own unit; a perplexity's is in nats."""
    return not (score.items and isinstance(score.items[0][1], tuple))


def difference_text(score: Score, paired: Difference) -> str:
    """`paired difference to 16 bits -0.042 ± 0.021 (90 %) on the same 120 items`."""
    if paired.value == paired.stderr == 0:
        return f"no difference to 16 bits on the same {paired.items} items"
    nats = "" if _is_share(score) else " nats per unit"
    value, error = f"{paired.value:+.4g}{nats}", f"{half_width_90(paired.stderr):.2g}"
    return f"paired difference to 16 bits {value} ± {error} (90 %) on the same {paired.items} items"


def scores_of(entry: Entry, raw: Path) -> list[Score]:
    """The scores of an entry with their items, read back from `raw`."""
    path = raw / f"{entry.key}.items.json"
    items: dict[str, Any] = result_files.read_json(path, what="a task's items") if path.exists() else {}
    with result_files.expected(str(path), "a task's items"):
        return [_score(row, items) for row in (entry.result or {})["scores"]]


def _score(row: Mapping[str, Any], items: Mapping[str, Any]) -> Score:
    name = row["metric"] if row["filter"] == "none" else f"{row['metric']},{row['filter']}"
    own = tuple((str(key), item_of(value)) for key, value in items.get(f"{row['task']}/{name}", []))
    return Score(**row, items=own)


def failed(entry: Entry, run: str) -> FailedRun:
    """A step that ended without a result."""
    assert entry.failure is not None
    stage = "bench" if entry.kind == "search" else entry.kind
    return _failed_run(
        entry.extra["facts"],
        entry,
        stage=stage,
        reason=entry.failure.reason,
        detail=f"{entry.title}: {entry.failure.detail}",
        run=run,
    )


def _failed_run(
    facts: Mapping[str, Any], entry: Entry, *, stage: str, reason: str, detail: str, run: str
) -> FailedRun:
    load, value = load_of(Point(**entry.inputs["point"])) if entry.kind == "bench" else (None, None)
    return FailedRun(
        model=facts["model"],
        format=facts["format"],
        kv_format=facts["kv_format"],
        gpu=facts["gpu"],
        num_gpus=facts["num_gpus"],
        max_context=facts["max_context"],
        engine="vllm",
        engine_version=facts["engine_version"],
        stage=stage,  # type: ignore[arg-type]
        reason=reason,  # type: ignore[arg-type]
        detail=one_line(detail),
        source=run,
        date=entry.date[:10],
        load=load,
        load_value=value,
        input_tokens=None if load is None else facts["asked_input"],
        output_tokens=None if load is None else facts["asked_output"],
    )
