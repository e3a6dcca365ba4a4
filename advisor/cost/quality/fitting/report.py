"""How well recovery is predicted where the fit did not look, beside what anyone could guess."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from advisor.cost.quality.covariance import noise_sd
from advisor.cost.quality.fitting.fit import QualityFit, fit, widths
from advisor.cost.quality.fitting.held_out import HeldOut, sources_out
from advisor.cost.quality.fitting.solve import problem_of
from advisor.cost.quality.posterior import Z90, Fitted, interval_class
from advisor.record.measurement import QualityMeasurement
from advisor.spec.benchmarks import benchmark, known_averages

POINTS = 100.0
"""Errors are in points of recovery: 99 % said, 98 % seen is one point."""
WIDE_AVERAGES = ("OpenLLM-v1", "OpenLLM-v2", "OpenLLM-v1+v2", "all benchmarks")
"""Averages of four benchmarks and more; the others are of two or three small ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Errors of one set of held-out figures, in points of recovery."""

    figures: int
    mean: float
    median: float
    p90: float
    format_mean: float
    """Mean error of saying the mean of the format on the same task over the other models."""
    always_one: float
    """Mean error of saying that nothing is lost."""
    noise: float
    """Mean error that benchmark noise alone causes: no prediction can be expected below it."""
    coverage: float
    """Share inside the 90 % interval, its width calibrated without the figure's own base model."""
    width: float
    """Median width of that interval."""

    @property
    def better(self) -> float:
        """Share of the format mean's error that is saved."""
        return 1.0 - self.mean / self.format_mean if self.format_mean else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """How far apart two publishers print the recovery of one model, format, algorithm and benchmark."""

    pairs: int
    mean: float
    median: float
    noise: float
    """Mean gap that the benchmarks' noise alone causes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """Held-out errors by fold, and what limits them."""

    rows: int
    rows_used: int
    base_models: int
    sources: tuple[str, ...]
    models_out: Mapping[str, Errors]
    """Whole base models left out: by kind of figure, average, format and benchmark family."""
    scores_out: Mapping[str, Errors]
    """A figure predicted from other scores of the same base model in the same format."""
    sources_out: Mapping[str, Errors]
    """Whole publishers left out."""
    disagreement: Disagreement | None
    """Between publishers: a floor under any prediction. None where nothing is printed twice."""

    def lines(self) -> tuple[str, ...]:
        """The report as text, one line a set."""
        out = [
            f"{self.rows_used} of {self.rows} scores of {self.base_models} base models, "
            f"from {', '.join(self.sources)}; errors in points of recovery"
        ]
        for title, table in (
            ("whole models left out", self.models_out),
            ("single figures left out", self.scores_out),
            ("whole sources left out", self.sources_out),
        ):
            out.append(f"{title}:")
            out.extend(_line(name, e) for name, e in table.items())
        if self.disagreement:
            d = self.disagreement
            out.append(
                f"two publishers on one score: {d.pairs} pairs, {d.mean:.2f} apart "
                f"(median {d.median:.2f}; noise alone {d.noise:.2f})"
            )
        return tuple(out)


def _line(name: str, e: Errors) -> str:
    return (
        f"  {name:34s} n {e.figures:4d}  error {e.mean:.2f} (median {e.median:.2f}, p90 {e.p90:.2f}; "
        f"noise alone {e.noise:.2f})  format mean {e.format_mean:.2f} ({POINTS * e.better:+.0f} %)  "
        f"always 1 {e.always_one:.2f}  inside 90 % interval {POINTS * e.coverage:.0f} %, width {e.width:.1f}"
    )


def _guesses(held: Sequence[HeldOut], apart: Callable[[HeldOut], str]) -> list[float | None]:
    """For each figure the mean of its format on its task over figures that are `apart`; None without any."""
    same: dict[tuple[str, str, bool], list[HeldOut]] = defaultdict(list)
    for h in held:
        same[(h.format, h.task, h.average)].append(h)
    out: list[float | None] = []
    for h in held:
        others = [o.seen for o in same[(h.format, h.task, h.average)] if apart(o) != apart(h)]
        out.append(float(np.mean(others)) if others else None)
    return out


def _base_model(h: HeldOut) -> str:
    return h.traits.group


def _publisher(h: HeldOut) -> str:
    return h.publisher


def _inside(held: Sequence[HeldOut], calibration: Sequence[HeldOut]) -> tuple[list[bool], list[float]]:
    """Whether each figure falls inside its interval, and the interval's width, calibrated on others."""
    per_group: dict[str, dict[str, float]] = {}
    inside, wide = [], []
    for h in held:
        group = h.traits.group
        if group not in per_group:
            per_group[group] = widths([c for c in calibration if c.traits.group != group])
        half = Z90 * h.sd * per_group[group][interval_class(h.distance, h.shape, h.format)]
        inside.append(abs(h.error) <= half)
        wide.append(2 * half)
    return inside, wide


def _errors(
    rows: Sequence[tuple[HeldOut, float, bool, float]],
) -> Errors:
    error = np.array([abs(h.error) for h, _, _, _ in rows])
    return Errors(
        figures=len(rows),
        mean=POINTS * float(error.mean()),
        median=POINTS * float(np.median(error)),
        p90=POINTS * float(np.quantile(error, 0.9)),
        format_mean=POINTS * float(np.mean([abs(h.seen - guess) for h, guess, _, _ in rows])),
        always_one=POINTS * float(np.mean([abs(h.seen) for h, _, _, _ in rows])),
        noise=POINTS * float(np.mean([h.noise for h, _, _, _ in rows]) * np.sqrt(2.0 / np.pi)),
        coverage=float(np.mean([inside for _, _, inside, _ in rows])),
        width=POINTS * float(np.median([wide for _, _, _, wide in rows])),
    )


def _tables(
    held: Sequence[HeldOut],
    calibration: Sequence[HeldOut],
    apart: Callable[[HeldOut], str] = _base_model,
) -> dict[str, Errors]:
    """Errors of all figures by kind, average, format and family; figures no guess can be made of are out."""
    inside, wide = _inside(held, calibration)
    rows = [
        (h, guess, ok, width)
        for h, guess, ok, width in zip(held, _guesses(held, apart), inside, wide, strict=True)
        if guess is not None
    ]
    sets: dict[str, Callable[[HeldOut], bool]] = {
        "averages of 4 and more": lambda h: h.average and h.task in WIDE_AVERAGES,
        "all averages": lambda h: h.average,
        "single benchmarks": lambda h: not h.average,
    }
    sets |= {f"average {n}": _named(n) for n in (*known_averages(), "all benchmarks")}
    sets |= {f"averages in {f}": _in_format(f) for f in sorted({h.format for h in held})}
    families = sorted({benchmark(h.task).family for h in held if not h.average})
    sets |= {f"benchmarks of {f}": _of_family(f) for f in families}
    out = {}
    for name, belongs in sets.items():
        chosen = [row for row in rows if belongs(row[0])]
        if chosen:
            out[name] = _errors(chosen)
    return out


def _named(task: str) -> Callable[[HeldOut], bool]:
    return lambda h: h.average and h.task == task


def _in_format(form: str) -> Callable[[HeldOut], bool]:
    return lambda h: h.average and h.format == form


def _of_family(family: str) -> Callable[[HeldOut], bool]:
    return lambda h: not h.average and benchmark(h.task).family == family


def _disagreement(fitted: Fitted) -> Disagreement | None:
    """How far apart two publishers print one loss: same model, format, benchmark and algorithm."""
    same: dict[tuple[str, ...], list[tuple[float, float]]] = defaultdict(list)
    for c, sd in zip(fitted.cells, noise_sd(fitted.cells, fitted.spread), strict=True):
        same[(c.traits.key, c.format, c.benchmark, c.algorithm)].append((c.loss, float(sd)))
    pairs = [pair for found in same.values() for pair in combinations(found, 2)]
    if not pairs:
        return None
    gaps = np.array([abs(a[0] - b[0]) for a, b in pairs])
    noise = np.array([np.hypot(a[1], b[1]) for a, b in pairs])
    return Disagreement(
        pairs=len(pairs),
        mean=POINTS * float(gaps.mean()),
        median=POINTS * float(np.median(gaps)),
        noise=POINTS * float(noise.mean() * np.sqrt(2.0 / np.pi)),
    )


def quality_report(rows: Iterable[QualityMeasurement]) -> QualityReport:
    """Held-out errors of the fit on `rows`. Raises DataError when there are too few to fit."""
    rows = list(rows)
    found = fit(rows)
    away = sources_out(problem_of(list(found.fitted.cells)), found.fitted.spread)
    calibration = (*found.models_out, *found.scores_out)
    return QualityReport(
        rows=found.rows,
        rows_used=found.rows_used,
        base_models=len({c.traits.group for c in found.fitted.cells}),
        sources=found.sources,
        models_out=_tables(found.models_out, calibration),
        scores_out=_tables(found.scores_out, calibration),
        sources_out=_tables(away, calibration, _publisher),
        disagreement=_disagreement(found.fitted),
    )


def summary(found: QualityFit) -> dict[str, object]:
    """What a fit's file says of itself: what it rests on, and its error on models left out."""
    table = _tables(found.models_out, (*found.models_out, *found.scores_out))
    wide, single = table["averages of 4 and more"], table["single benchmarks"]
    models = len({c.traits.group for c in found.fitted.cells})
    return {
        "text": (
            f"Fitted on {found.rows_used} scores of {models} base models from {', '.join(found.sources)}; "
            f"on models left out, averages of recovery are {wide.mean:.2f} points off "
            f"(the format's mean: {wide.format_mean:.2f}), "
            f"single benchmarks {single.mean:.2f} ({single.format_mean:.2f}); "
            f"90 % intervals hold {POINTS * wide.coverage:.0f} and {POINTS * single.coverage:.0f} %."
        ),
        "rows": found.rows,
        "rows_used": found.rows_used,
        "base_models": models,
        "sources": list(found.sources),
        "held_out_model": {
            name: {
                "figures": e.figures,
                "mean": round(e.mean, 3),
                "median": round(e.median, 3),
                "format_mean": round(e.format_mean, 3),
                "noise": round(e.noise, 3),
                "coverage": round(e.coverage, 3),
            }
            for name, e in (("averages", wide), ("single benchmarks", single))
        },
    }
