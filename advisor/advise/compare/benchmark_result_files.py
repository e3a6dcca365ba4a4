"""Two sets of result files side by side: which differences are real, as far as the files can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from pathlib import Path

from advisor.advise.compare.deployments import Basis, Difference
from advisor.cost.predict.predictor import REPEAT, REPEAT_MAXIMUM
from advisor.display_text import number
from advisor.errors import InputError
from advisor.record.importers.imported_run import Run
from advisor.record.importers.read_result_file import Results, read_results
from advisor.record.mean_interval import Z90, t90

TAIL = 2.0
"""Times the scatter of a mean that a percentile from p90 on scatters."""

SAME_LENGTH = 0.03
"""Mean lengths this close are the same load."""

_STD = {"ttft_ms": "std_ttft_ms", "tpot_ms": "std_tpot_ms", "itl_ms": "std_itl_ms", "e2e_ms": "std_e2el_ms"}
Key = tuple[str, str]
"""The load in words, and the figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One figure of one run."""

    value: float
    stderr: float | None
    """Standard error over the requests of this run, where its file has it."""
    unit: str
    maximum: bool
    tail: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileComparison:
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    """What could not be compared, and why."""


def result_files(path: Path) -> list[Path]:
    """The file, or the result files in a folder: repeats of one thing. Raises InputError."""
    if not path.is_dir():
        return [path]
    found = sorted(p for p in path.iterdir() if p.suffix.lower() in (".json", ".yaml", ".yml", ".txt"))
    if not found:
        raise InputError(f"{path}: holds no result files; name the files or a folder of them")
    return found


def compare_results(first: Path, second: Path) -> FileComparison:
    """Figures that both have under the same load; a folder holds repeats. Raises InputError, DataError."""
    sides = [[read_results(file) for file in result_files(path)] for path in (first, second)]
    notes = [f"{r.path}: refused: {reason}" for side in sides for r in side for reason in r.refused]
    if any(r.scores for side in sides for r in side):
        differences, more = _scores(*sides)
    else:
        differences, more = _speeds(*sides)
    if not differences:
        why = "; ".join([*notes, *more]) or "they have no figure under the same load"
        raise InputError(f"{first} and {second}: nothing to compare: {why}")
    return FileComparison(differences=tuple(differences), notes=(*notes, *more))


def _speeds(first: Sequence[Results], second: Sequence[Results]) -> tuple[list[Difference], list[str]]:
    loads: list[Run] = []
    one, other = _figures(first, loads), _figures(second, loads)
    notes = []
    for mine, theirs, name in ((one, other, "second"), (other, one, "first")):
        missing = dict.fromkeys(load for load, _ in mine if not any(load == known for known, _ in theirs))
        notes += [f"{load}: the {name} has no such run" for load in missing]
    return [_speed(key, one[key], other[key]) for key in one if key in other], notes


def _figures(results: Iterable[Results], loads: list[Run]) -> dict[Key, list[Seen]]:
    """`loads`: a run of each load met so far."""
    found: dict[Key, list[Seen]] = {}
    for result in results:
        for run in result.runs:
            like = next((known for known in loads if _same_load(known, run)), None)
            if like is None:
                loads.append(like := run)
            for (metric, statistic), value in sorted(run.figures.items()):
                name, _, unit = metric.rpartition("_") if metric.endswith("_ms") else (metric, "", "1/s")
                label = f"{name.upper()} {statistic}" if unit == "ms" else metric.replace("_per_s", " per s")
                seen = Seen(
                    value=value,
                    stderr=_stderr(result, run, metric, statistic),
                    unit=unit,
                    maximum=run.load == "maximum",
                    tail=statistic[0] == "p" and float(statistic[1:]) >= 90,
                )
                if value > 0:
                    found.setdefault((_load(like), label.replace("_", " ")), []).append(seen)
    return found


def _stderr(result: Results, run: Run, metric: str, statistic: str) -> float | None:
    """Standard error of a mean over a run's requests, where the file has the spread (vLLM's does)."""
    document = result.document
    if statistic != "mean" or not run.completed or not isinstance(document, Mapping):
        return None
    spread = document.get(_STD.get(metric, ""))
    if not isinstance(spread, (int, float)) or isinstance(spread, bool) or spread < 0:
        return None
    return float(spread) / sqrt(run.completed)


def _same_load(one: Run, other: Run) -> bool:
    """Random lengths come out a little differently each time."""
    lengths = ((one.input_tokens, other.input_tokens), (one.output_tokens, other.output_tokens))
    return (one.load, one.load_value) == (other.load, other.load_value) and all(
        a == b or (a is not None and b is not None and abs(a / b - 1.0) <= SAME_LENGTH) for a, b in lengths
    )


def _load(run: Run) -> str:
    level = "" if run.load_value is None else f" {number(run.load_value)}"
    lengths = [
        f"{tokens:,.0f}" if tokens is not None else "?" for tokens in (run.input_tokens, run.output_tokens)
    ]
    return f"{run.load or 'load not stated'}{level}, {'/'.join(lengths)} tokens"


def _speed(key: Key, first: Sequence[Seen], second: Sequence[Seen]) -> Difference:
    load, name = key
    means = [sum(log(seen.value) for seen in side) / len(side) for side in (first, second)]
    change = means[1] - means[0]
    half, basis = _half(first, second, means)
    return Difference(
        name=f"{name} ({load})",
        unit=first[0].unit,
        first=exp(means[0]),
        second=exp(means[1]),
        change=exp(change) - 1.0,
        low=exp(change - half) - 1.0,
        high=exp(change + half) - 1.0,
        basis=basis,
    )


def _half(first: Sequence[Seen], second: Sequence[Seen], means: Sequence[float]) -> tuple[float, Basis]:
    """Half the 90 % interval of the difference in logs, and what it rests on."""
    if len(first) > 1 and len(second) > 1:
        parts = []
        for side, mean in zip((first, second), means, strict=True):
            variance = sum((log(seen.value) - mean) ** 2 for seen in side) / (len(side) - 1)
            parts.append((variance / len(side), len(side) - 1))
        total = sum(part for part, _ in parts)
        spread = sum(part**2 / free for part, free in parts)
        # Welch: degrees of freedom of two unequal variances.
        free = total**2 / spread if spread > 0 else float(len(first) + len(second) - 2)
        return t90(free) * sqrt(total), "repeats"
    # One run does not show how the next would come out; its requests' spread is the least of it.
    repeat = REPEAT_MAXIMUM if first[0].maximum else REPEAT
    scatter = repeat * (TAIL if first[0].tail else 1.0)
    variance = 0.0
    for side in (first, second):
        own = [seen.stderr / seen.value for seen in side if seen.stderr is not None]
        variance += scatter**2 / len(side) + (sum(s**2 for s in own) / len(side) ** 2)
    return Z90 * sqrt(variance), "scatter"


def _scores(first: Sequence[Results], second: Sequence[Results]) -> tuple[list[Difference], list[str]]:
    """Scores under the same protocol; in points, their standard errors as if the items were not the same."""
    notes, found = [], []
    one = {(s.task, s.metric): s for r in first for s in r.scores}
    other = {(s.task, s.metric): s for r in second for s in r.scores}
    for key, a in one.items():
        b = other.get(key)
        if b is None:
            notes.append(f"{key[0]} {key[1]}: the second has no such score")
            continue
        if a.protocol != b.protocol:
            notes.append(f"{key[0]} {key[1]}: not comparable, {a.protocol} against {b.protocol}")
            continue
        notes += [f"{key[0]}: {s.suspect}" for s in (a, b) if s.suspect]
        known = a.stderr is not None and b.stderr is not None
        half = Z90 * sqrt((a.stderr or 0.0) ** 2 + (b.stderr or 0.0) ** 2)
        change = b.value - a.value
        found.append(
            Difference(
                name=f"{key[0]} {key[1]}",
                unit="points",
                first=a.value,
                second=b.value,
                change=change,
                low=change - half if known else None,
                high=change + half if known else None,
                basis="stderr" if known else "none",
                is_share=False,
            )
        )
    return found, list(dict.fromkeys(notes))
