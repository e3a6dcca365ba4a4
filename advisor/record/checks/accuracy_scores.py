"""Accuracy scores that cannot be true: against their own recovery, their averages, and other tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from advisor.record.checks.finding import Finding, find, unknown_names
from advisor.record.measurement import QualityMeasurement
from advisor.record.store import Located
from advisor.spec.formats.catalog import find_format
from advisor.spec.models.catalog import find_model

Row = Located[QualityMeasurement]

OPEN_LLM_V1 = frozenset({"ARC-Challenge", "GSM8K", "HellaSwag", "MMLU", "TruthfulQA", "WinoGrande"})
OPEN_LLM_V2 = frozenset({"BBH", "GPQA", "IFEval", "MATH-lvl-5", "MMLU-Pro", "MuSR"})
# With Meta's prompts (ARC without examples) v1 has a seventh task.
_META_V1 = OPEN_LLM_V1 | {"MMLU-CoT"}
_AVERAGES: Mapping[str, frozenset[str]] = {
    "OpenLLM-v1": OPEN_LLM_V1,
    "OpenLLM-v2": OPEN_LLM_V2,
    "reasoning": frozenset({"AIME-2024", "MATH-500", "GPQA-Diamond"}),
}
_ROUNDING_POINTS = 0.06
_RECOVERY_POINTS = 0.15


def check_quality(rows: Sequence[Row]) -> Iterator[Finding]:
    """All findings on `rows`; those on flagged rows count as known."""
    for row in rows:
        yield from unknown_names(row, (find_model, row.record.model), (find_format, row.record.format))
        yield from _range(row)
        yield from _recovery(row)
    yield from _averages(rows)
    yield from _swaps(rows)
    yield from _repeats(rows)


def _range(row: Row) -> Iterator[Finding]:
    r = row.record
    for name, score in (("value", r.value), ("baseline", r.baseline)):
        if score is not None and not 0 <= score <= 100:
            yield find(row, "error", f"{name} of {score:g} is not a percentage", remedy="check the unit")
    if r.baseline == 0:
        yield find(row, "warning", "the 16-bit score is 0: no recovery follows from it")
    elif r.recovery is not None and not 0.3 <= r.recovery <= 1.5:
        yield find(row, "warning", f"recovery of {100 * r.recovery:.1f} %")


def _recovery(row: Row) -> Iterator[Finding]:
    """The printed recovery against the printed scores, the rounding of all three allowed for."""
    r = row.record
    if r.printed_recovery_pct is None or not r.baseline or r.recovery is None:
        return
    computed = 100 * r.recovery
    rounding = computed * (_step(r.value) / max(r.value, 1e-9) + _step(r.baseline) / r.baseline)
    if abs(computed - r.printed_recovery_pct) > rounding + _RECOVERY_POINTS:
        yield find(
            row,
            "error",
            f"{r.value:g} of {r.baseline:g} is {computed:.2f} %, printed is {r.printed_recovery_pct:g} %",
        )


def _step(score: float) -> float:
    """Half a unit of the last digit of a score printed with one decimal or more."""
    decimals = len(f"{score:.4f}".rstrip("0").partition(".")[2])
    return 0.5 * 10.0 ** -max(decimals, 1)


def _averages(rows: Sequence[Row]) -> Iterator[Finding]:
    """A printed average against the mean of the rows that it averages."""
    groups: dict[tuple[str, ...], dict[str, Row]] = defaultdict(dict)
    for row in rows:
        r = row.record
        if not r.protocol.startswith("run "):
            groups[(_paper(r.source), r.model, r.format, r.algorithm)].setdefault(r.task, row)
    for tasks in groups.values():
        for average, names in _AVERAGES.items():
            if average in tasks:
                arc = tasks.get("ARC-Challenge")
                if average == "OpenLLM-v1" and arc is not None and "25-shot" not in arc.record.protocol:
                    names = _META_V1 if "MMLU-CoT" in tasks or "0-shot" in arc.record.protocol else names
                parts = [tasks[name] for name in sorted(names) if name in tasks]
                if len(parts) == len(names):
                    yield from _average(tasks[average], parts)


def _average(row: Row, parts: Sequence[Row]) -> Iterator[Finding]:
    scores = [part.record.value for part in parts]
    baselines = [part.record.baseline for part in parts if part.record.baseline is not None]
    for name, printed, found in (
        ("value", row.record.value, scores),
        ("baseline", row.record.baseline, baselines),
    ):
        if printed is None or len(found) != len(parts):
            continue
        mean = sum(found) / len(found)
        if abs(mean - printed) > 2 * _ROUNDING_POINTS:
            where = ", ".join(str(part.line) for part in parts)
            what = f"the average's {name} is {printed:g}, the mean of its rows (lines {where}) {mean:.2f}"
            yield find(row, "error", what, *parts)
            for part, score in zip(parts, found, strict=True):
                if score == printed:
                    what = f"{part.record.task} repeats the average, {printed:g}, which its rows do not have"
                    yield find(part, "error", f"{what} (line {row.line})", row)


def _swaps(rows: Sequence[Row]) -> Iterator[Finding]:
    """Two tables that give the same two scores to the opposite formats."""
    seen: dict[tuple[str, str], dict[str, dict[str, list[Row]]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        r = row.record
        if r.format != "bf16" and not r.protocol.startswith("run "):
            seen[(r.model, r.task)][r.source].setdefault(r.format, []).append(row)
    for tables in seen.values():
        names = sorted(tables)
        for at, first in enumerate(names):
            for second in names[at + 1 :]:
                yield from _swap(tables[first], tables[second])


def _swap(first: Mapping[str, Sequence[Row]], second: Mapping[str, Sequence[Row]]) -> Iterator[Finding]:
    common = sorted(set(first) & set(second))
    for at, one in enumerate(common):
        for other in common[at + 1 :]:
            a, b = first[one][0], first[other][0]
            c, d = second[one][0], second[other][0]
            crossed = a.record.value == d.record.value and b.record.value == c.record.value
            if crossed and a.record.value != b.record.value:
                for row, twin in ((a, c), (b, d), (c, a), (d, b)):
                    what = f"{row.record.task}: {one} and {other} are the other way round in line {twin.line}"
                    yield find(row, "error", f"{what}, {twin.record.source}", twin)


def _repeats(rows: Sequence[Row]) -> Iterator[Finding]:
    """Scores that one source has twice, with different values."""
    groups: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        r = row.record
        key = (r.source, r.model, r.format, r.algorithm, r.task, r.metric, r.protocol, r.conditions)
        groups[key].append(row)
    for first, *more in groups.values():
        for row in more:
            if row.record.value != first.record.value:
                what = (
                    f"{row.record.value:g} here, {first.record.value:g} in line {first.line}, the same score"
                )
                yield find(
                    row, "warning", what, first, remedy="write what differs into protocol or conditions"
                )


def _paper(source: str) -> str:
    """The paper or card, without its table: an average may stand in another table than its rows."""
    return source.partition(" Table")[0]
