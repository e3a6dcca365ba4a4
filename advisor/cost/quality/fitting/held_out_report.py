"""The report of held-out recovery errors, beside simple guesses."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from advisor.cost.quality.expected_loss import Key
from advisor.cost.quality.fitted_accuracy import Fitted
from advisor.cost.quality.fitting.fit import QualityFit, fit
from advisor.cost.quality.fitting.held_out_errors import (
    POINTS,
    Errors,
    Judged,
    LimitErrors,
    deciles,
    errors_of,
    is_checkpoint_mean,
    judged_figures,
    limit_errors,
    misjudged,
    publisher_of_figure,
)
from advisor.cost.quality.fitting.held_out_predictions import HeldOut, sources_out
from advisor.cost.quality.scores_to_losses import SIMULATED
from advisor.record.measurement import QualityMeasurement
from advisor.spec.accuracy_benchmarks import benchmark, known_averages

WIDE_AVERAGES = ("OpenLLM-v1", "OpenLLM-v2", "OpenLLM-v1+v2", "all benchmarks")
"""Averages of four benchmarks and more; the others are of two or three small ones."""


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
    limits: LimitErrors
    """Checkpoint means of models left out against a floor on recovery."""
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
        limits = self.limits
        out.append(
            f"at a floor of {limits.floor} and confidence {limits.confidence}: of {limits.below} checkpoints "
            f"below it {limits.admitted} admitted, of {limits.above} above it {limits.refused} refused"
        )
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
        f"always 1 {e.always_one:.2f}  new score inside {POINTS * e.coverage:.0f} %, width {e.width:.1f}  "
        f"inside true interval {POINTS * e.true_coverage:.0f} % (expected {POINTS * e.true_expected:.0f}), "
        f"width {e.true_width:.1f}"
    )


def _tables(rows: Sequence[Judged]) -> dict[str, Errors]:
    """Errors of all figures by kind, average, format and family."""
    held = [r.figure for r in rows]
    sets: dict[str, Callable[[HeldOut], bool]] = {
        "checkpoint means": is_checkpoint_mean,
        **{f"checkpoint means in {f}": _mean_in(f) for f in sorted({h.format for h in held})},
        "checkpoint means of dense models": lambda h: is_checkpoint_mean(h) and not h.traits.sparse,
        "checkpoint means of mixtures of experts": lambda h: is_checkpoint_mean(h) and h.traits.sparse,
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
        chosen = [row for row in rows if belongs(row.figure)]
        if chosen:
            out[name] = errors_of(chosen)
    return out


def _mean_in(form: str) -> Callable[[HeldOut], bool]:
    return lambda h: is_checkpoint_mean(h) and h.format == form


def _named(task: str) -> Callable[[HeldOut], bool]:
    return lambda h: h.average and h.task == task


def _in_format(form: str) -> Callable[[HeldOut], bool]:
    return lambda h: h.average and h.format == form


def _of_family(family: str) -> Callable[[HeldOut], bool]:
    return lambda h: not h.average and benchmark(h.task).family == family


def _disagreement(fitted: Fitted) -> Disagreement | None:
    """How far apart two publishers print one loss: same model, format, benchmark and algorithm."""
    same: dict[tuple[str, ...], list[tuple[float, float]]] = defaultdict(list)
    for c, sd in zip(fitted.cells, fitted.noise, strict=True):
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


def quality_report(
    rows: Iterable[QualityMeasurement], priors: Mapping[Key, tuple[float, float]] | None = None
) -> QualityReport:
    """Held-out errors of the fit on `rows`. Raises DataError when there are too few to fit."""
    rows = list(rows)
    found = fit(rows, priors)
    calibration = (*found.models_out, *found.scores_out)
    away = judged_figures(found.models_out, calibration)
    return QualityReport(
        rows=found.rows,
        rows_used=found.rows_used,
        base_models=len({c.traits.group for c in found.fitted.cells}),
        sources=found.sources,
        models_out=_tables(away),
        scores_out=_tables(judged_figures(found.scores_out, calibration)),
        sources_out=_tables(judged_figures(sources_out(found.regressor), calibration, publisher_of_figure)),
        limits=limit_errors(away),
        disagreement=_disagreement(found.fitted),
    )


def summary(found: QualityFit) -> dict[str, object]:
    """What a fit's file says of itself: what it rests on, and its error on models left out."""
    judged = judged_figures(found.models_out, (*found.models_out, *found.scores_out))
    table, limits = _tables(judged), limit_errors(judged)
    means_of = [r for r in judged if is_checkpoint_mean(r.figure)]
    means, single = table["checkpoint means"], table["single benchmarks"]
    models = len({c.traits.group for c in found.fitted.cells})
    return {
        "text": (
            f"Fitted on {found.rows_used} scores of {models} base models from {_listed(found.sources)}; "
            f"on models left out, the mean recovery of a checkpoint is {means.mean:.2f} points off "
            f"(the format's mean: {means.format_mean:.2f}), "
            f"single benchmarks {single.mean:.2f} ({single.format_mean:.2f}); "
            f"90 % intervals of a new score hold {POINTS * means.coverage:.0f} and "
            f"{POINTS * single.coverage:.0f} %, those of the true recovery "
            f"{POINTS * means.true_coverage:.0f} % of the means, "
            f"where their noise lets {POINTS * means.true_expected:.0f} % be expected."
        ),
        "rows": found.rows,
        "rows_used": found.rows_used,
        "base_models": models,
        "sources": list(found.sources),
        "limits": dataclasses.asdict(limits),
        "outside": [_named_figure(r) for r in means_of if not r.inside],
        "misjudged": [_named_figure(r) for r in means_of if misjudged(r)],
        "deciles": {
            name: [dataclasses.asdict(one) for one in deciles([r for r in judged if belongs(r.figure)])]
            for name, belongs in (
                ("checkpoint means", is_checkpoint_mean),
                ("single benchmarks", lambda h: not h.average),
            )
        },
        "report": [{"figures of models left out": name, **_rounded(e)} for name, e in table.items()],
    }


def _listed(sources: Sequence[str]) -> str:
    """`AMD, intel, intel (simulated)`: a name with a comma would read as two."""
    return ", ".join(
        f"{name.removesuffix(SIMULATED)} (simulated)" if name.endswith(SIMULATED) else name
        for name in sources
    )


def _named_figure(r: Judged) -> dict[str, object]:
    """One checkpoint mean of a model left out, in percent of the 16-bit score."""
    h = r.figure
    seen, said, low, high, true_low = (
        round(POINTS * (1.0 - loss), 2)
        for loss in (
            h.seen,
            h.expected,
            *reversed(r.score.interval),
            r.true.interval[1],
        )
    )
    return {
        "model": h.traits.name,
        "sparse": h.traits.sparse,
        "format": h.format,
        "recipe": f"{h.algorithm}@{h.publisher}",
        "seen": seen,
        "said": said,
        "low": low,
        "high": high,
        "true_low": true_low,
    }


def _rounded(e: Errors) -> dict[str, object]:
    """One row of the published table, errors and widths in points."""
    return {
        "figures": e.figures,
        "error": round(e.mean, 2),
        "median": round(e.median, 2),
        "format_mean": round(e.format_mean, 2),
        "noise": round(e.noise, 2),
        "new_score_coverage": round(e.coverage, 3),
        "true_coverage": round(e.true_coverage, 3),
        "true_expected": round(e.true_expected, 3),
        "true_width": round(e.true_width, 2),
    }
