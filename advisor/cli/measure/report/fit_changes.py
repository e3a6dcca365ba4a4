"""What the fit learnt from a run: the same figures predicted before and after, and what else moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import exp, log
from statistics import median
from typing import TYPE_CHECKING

from advisor.cli.measure.expected_vs_measured import COMPARED, Compared, compared
from advisor.measure.plan_and_results_as_text import Part, Table

if TYPE_CHECKING:
    from advisor.cli.measure.expected_vs_measured import Expectation
    from advisor.cost.step.parameter_changes import Moved
    from advisor.measure.ledger_to_records import Records
    from advisor.measure.plan_to_jobs import Prepared
    from advisor.measure.steps.bench import Point

MOST_PARAMETERS = 6
LEAST_MOVED = 0.02
"""In logs or log-odds: a parameter that moved by less is not named."""


def pairs(
    prepared: Prepared,
    found: Records,
    before: Expectation,
    after: Expectation,
    statistics: Sequence[str] = COMPARED,
) -> list[tuple[Compared, Compared]]:
    """Every figure that both fits predict, by the fit without the run's records and by the one with them."""
    later = {one.what: one for one in compared(prepared, found, after, statistics)}
    first = compared(prepared, found, before, statistics)
    return [(one, later[one.what]) for one in first if one.what in later]


def learnt(
    prepared: Prepared,
    found: Records,
    before: Expectation,
    after: Expectation,
    statistics: Sequence[str] = COMPARED,
) -> tuple[Part, ...]:
    """The figures before and after, what was not measured and moved with them, the parameters that moved."""
    both = [] if after is before else pairs(prepared, found, before, after, statistics)
    if not both:
        return ()
    predicted = ("predicted before", "90 % interval", "predicted now", "90 % interval", "now is")
    head = ("format", "GPUs", "load", "figure", "measured", *predicted)
    rows = tuple(
        (
            *(one.format, str(one.num_gpus), str(one.point), one.figure, f"{one.measured:.4g}"),
            *(cell for side in (one, other) for cell in _predicted(side)),
            other.basis,
        )
        for one, other in both
    )
    return (
        Table(head=head, rows=rows),
        _summary(both),
        *_elsewhere(prepared, found, before, after),
        *_parameters(before, after, both),
    )


def _predicted(one: Compared) -> tuple[str, str]:
    return (f"{one.value:.4g}", f"{one.low:.4g} to {one.high:.4g}{' missed' if one.missed else ''}")


def _summary(both: Sequence[tuple[Compared, Compared]]) -> str:
    said = [
        f"{name} {sum(not one.missed for one in side)} of {len(side)} inside their interval, "
        f"median distance ×÷{exp(median(abs(log(one.measured / one.value)) for one in side)):.2f}"
        for name, side in zip(("before:", "now:"), zip(*both, strict=True), strict=True)
    ]
    return (
        "; ".join(said) + " (the fit has seen these very figures now: its error elsewhere is in ACCURACY.md)"
    )


def _elsewhere(prepared: Prepared, found: Records, before: Expectation, after: Expectation) -> Iterator[Part]:
    """What the records moved of formats that were not measured, on the same GPU under the same loads."""
    from advisor.advise.formats_to_search import formats_for

    seen = {row.format for row in found.speed}
    formats, _ = formats_for(before.model, None)
    points = prepared.plan.points[-1:]
    rows = [
        (format.name, str(tp), str(point), *cells)
        for format in formats
        if format.name not in seen
        for tp in prepared.plan.tensor_parallel
        for point in points
        for cells in _moved_figures(prepared, before, after, format.name, tp, point)
    ]
    if rows:
        yield "What these records say of formats that were not measured:"
        head = (
            "format",
            "GPUs",
            "load",
            "figure",
            "before",
            "90 % interval",
            "now",
            "90 % interval",
            "change",
        )
        yield Table(head=head, rows=tuple(rows))


def _moved_figures(
    prepared: Prepared, before: Expectation, after: Expectation, format: str, tp: int, point: Point
) -> Iterator[tuple[str, ...]]:
    run = prepared.plan.run_at(point)
    sides = [one.of(format, tp, run) for one in (before, after)]
    first, then = sides
    if first is None or then is None:
        return
    for name, figure in (("TPOT mean, ms", "tpot"), ("requests/s", "")):
        ranges = [side.mean_ms(figure) if figure else side.requests_per_s for side in (first, then)]
        cells = [(float(one.value[0]), float(one.low[0]), float(one.high[0])) for one in ranges]
        if not all(0 < value < float("inf") for value, _, _ in cells):
            continue
        words = [text for value, low, high in cells for text in (f"{value:.4g}", f"{low:.4g} to {high:.4g}")]
        yield (name, *words, f"×{cells[1][0] / cells[0][0]:.2f}")


def _parameters(
    before: Expectation, after: Expectation, both: Sequence[tuple[Compared, Compared]]
) -> Iterator[Part]:
    """The parameters that moved most, and how far off what is predicted now the measured figures are."""
    from advisor.cost.step.parameter_changes import moved

    fits = (before.predictor.fit, after.predictor.fit)
    measured = list(dict.fromkeys((one.format, one.num_gpus) for one, _ in both))
    deployments = [before.deployment(*one) for one in measured]
    found = [one for one in moved(fits[0].speed, fits[1].speed, deployments) if one.distance >= LEAST_MOVED]
    if found:
        shown = found[:MOST_PARAMETERS]
        most = f", the {len(shown)} of {len(found)} that moved most" if len(found) > len(shown) else ""
        yield f"Parameters of the measured deployments' step time{most}:"
        head = ("parameter", "first of", "before", "now", "what it is")
        rows = tuple(
            (
                *(one.name, measured[one.deployment][0], _amount(one, one.before), _amount(one, one.after)),
                one.meaning,
            )
            for one in shown
        )
        yield Table(head=head, rows=rows)
    rest = [cell.log_ratio for cell in fits[1].own_cells - fits[0].own_cells]
    if rest:
        low, high = exp(min(rest)), exp(max(rest))
        yield (
            f"The rest is kept as {len(rest)} measured figures, ×{low:.2f} to ×{high:.2f} of what is "
            "predicted now, and carried to the loads and lengths near them."
        )


def _amount(one: Moved, value: float) -> str:
    return f"{100 * value:.3g} %" if one.is_share else f"{value:.3g}"
