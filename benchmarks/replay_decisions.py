"""Replays decisions on measured runs: what each rule picks from predictions that had not seen the runs.

    python benchmarks/replay_decisions.py [--errors HELD.npz]

A decision is one model, shape and load that one source measured on two or more deployments (GPU, number
of GPUs, format). Limits on mean TPOT and mean TTFT are set at eight levels, as multiples of what the
deployment with the fastest tokens was measured at, so that at least one deployment keeps them. Predictions
are those of a fit without the model, without the GPU, or without the source. A rule picks the cheapest
deployment, by USD per hour, of those that it says keep both limits:

    each end     both limits hold at the bad end of their own 90 % intervals (the rule before `--confidence`)
    0.5 … 0.95   both limits hold at once with this probability

Printed for each rule: the share of decisions in which it picks nothing, the share of its picks that keep both
measured limits, the mean probability that was stated of them, and what those that keep cost over the cheapest
that does (mean).

Then what limits it, at 0.8:

* how often nothing is picked by how tight the limits are: nothing can be where they lie closer to the best
  deployment than predictions err;
* how often the deployments of a stated probability keep limits that were set about a *prediction*. Limits set
  about a measured value favour what was measured (the deployment with the fastest tokens keeps every one of
  them by construction), so that more is kept than was stated; these favour nothing, and are what a user's
  limits are like. A rule that dared more in the first kind would break more of these than it says;
* the same rule if predictions erred half and a quarter as much, by their intervals too.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from advisor.advise.choose.limits import margin_sd
from advisor.cost.array_table import Floats
from advisor.cost.evaluation.held_out_errors import HeldOut, Optimum, leave_groups_out, near_capacity
from advisor.cost.fitting.observations import Observations, observe
from advisor.cost.predict.prediction_table import Range
from advisor.cost.predict.predictor import Z90, Predictor
from advisor.cost.uncertainty.error_class import Distance, ErrorClass
from advisor.cost.uncertainty.joint_probability import TOKEN_RATE, TTFT, keeps_all
from advisor.record.store import read_speed
from advisor.shipped_files import shipped
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.hardware.prices import price_of

LEVELS = tuple(float(x) for x in np.geomspace(1.05, 4.0, 8))
CONFIDENCES = (0.5, 0.8, 0.95)
USUAL = 0.8
"""The confidence that is asked unless a user says otherwise."""
BANDS = (0.05, 0.2, 0.4, 0.6, 0.75, 0.85, 0.95, 1.0)
"""Stated probabilities between which what was kept is counted."""
SHARES = (1.0, 0.5, 0.25)
"""Parts of today's errors."""
LEFT_OUT: tuple[tuple[str, Distance], ...] = (("model", "model"), ("gpu", "gpu"), ("source", "model"))
"""What is left out of the fit, and how far the data is then taken to be."""


@dataclass(frozen=True)
class Option:
    """One deployment of a decision, measured and predicted."""

    usd_per_hour: float
    measured_ms: dict[str, float]
    predicted_ms: dict[str, Range]


@dataclass(frozen=True)
class Score:
    """How one rule fared."""

    nothing: float
    kept: float
    stated: float
    cost: float
    nothing_by_level: tuple[float, ...]


def decisions(held: HeldOut, predictor: Predictor, left_out: str, distance: Distance) -> list[list[Option]]:
    """The options of each decision; those without a price or a held-out error are left out."""
    errors: Floats = getattr(held, left_out)
    classes = held.error_classes
    groups: dict[tuple[object, ...], dict[tuple[object, ...], dict[str, int]]] = {}
    for i, row in enumerate(held.seen.rows):
        if row.metric in ("tpot_ms", "ttft_ms") and row.statistic == "mean" and np.isfinite(errors[i]):
            what = (row.source, row.model, row.input_tokens, row.output_tokens, row.load, row.load_value)
            option = (row.gpu, row.num_gpus, row.format, row.kv_format, row.engine_version)
            groups.setdefault(what, {}).setdefault(option, {})[row.metric] = i
    found = []
    for options in groups.values():
        made = [
            _option(held, predictor, errors, classes, at, distance) for at in options.values() if len(at) == 2
        ]
        priced = [option for option in made if option is not None]
        if len(priced) >= 2:
            found.append(priced)
    return found


def _option(
    held: HeldOut,
    predictor: Predictor,
    errors: Floats,
    classes: Sequence[ErrorClass],
    at: dict[str, int],
    distance: Distance,
) -> Option | None:
    row = held.seen.rows[at["tpot_ms"]]
    price = price_of(find_gpu(row.gpu), row.num_gpus)
    if price is None:
        return None
    measured, predicted = {}, {}
    for metric, i in at.items():
        value = float(held.seen.rows[i].value)
        centre = np.array([value / np.exp(errors[i])])
        interval = predictor.fit.intervals.of(classes[i].at(distance))
        measured[metric] = value
        predicted[metric] = Range(
            value=centre, low=centre * np.exp(interval.low), high=centre * np.exp(interval.high)
        )
    return Option(price.usd_per_gpu_hour * row.num_gpus, measured, predicted)


def cases(found: Sequence[Sequence[Option]]) -> Iterator[tuple[Sequence[Option], dict[str, float]]]:
    """Each decision at each level of its limits."""
    for options in found:
        fastest = min(options, key=lambda option: option.measured_ms["tpot_ms"])
        for level in LEVELS:
            yield options, {metric: level * ms for metric, ms in fastest.measured_ms.items()}


def stated_and_kept(found: Sequence[Sequence[Option]], first_token: float) -> tuple[Floats, Floats]:
    """Of every option, under limits about the prediction of the one predicted fastest: the probability that
    it keeps them, and whether it did."""
    stated, kept = [], []
    for options in found:
        fastest = min(options, key=lambda option: float(option.predicted_ms["tpot_ms"].value[0]))
        for tpot in LEVELS:
            for ttft in LEVELS:
                level = {"tpot_ms": tpot, "ttft_ms": ttft}
                limits = {m: level[m] * float(r.value[0]) for m, r in fastest.predicted_ms.items()}
                stated += keeps_all(margins(options, limits), first_token).tolist()
                kept += [all(o.measured_ms[m] <= limits[m] for m in limits) for o in options]
    return np.array(stated), np.array(kept, dtype=np.float64)


def erring_less(option: Option, share: float) -> Option:
    """The option with a part of its predictions' errors and of their intervals."""
    made = {}
    for metric, of in option.predicted_ms.items():
        centre = option.measured_ms[metric] * np.exp(share * np.log(of.value / option.measured_ms[metric]))
        low, high = (centre * np.exp(share * np.log(end / of.value)) for end in (of.low, of.high))
        made[metric] = Range(value=centre, low=low, high=high)
    return replace(option, predicted_ms=made)


def margins(options: Sequence[Option], limits: dict[str, float]) -> dict[str, Floats]:
    """How much worse than predicted each option may be, in standard deviations."""
    made = {}
    for cause, metric in ((TOKEN_RATE, "tpot_ms"), (TTFT, "ttft_ms")):
        ranges = [option.predicted_ms[metric] for option in options]
        joined = Range(
            value=np.concatenate([r.value for r in ranges]),
            low=np.concatenate([r.low for r in ranges]),
            high=np.concatenate([r.high for r in ranges]),
        )
        made[cause] = margin_sd(np.log(limits[metric] / joined.value), joined, at_least=False)
    return made


def score(found: Sequence[Sequence[Option]], first_token: float, confidence: float | None) -> Score:
    """One rule over all decisions; confidence None: each limit at its own bad end."""
    kept, costs, stated = 0, [], []
    nothing = [0] * len(LEVELS)
    many = len(found) * len(LEVELS)
    for case, (options, limits) in enumerate(cases(found)):
        margin = margins(options, limits)
        keeps = keeps_all(margin, first_token)
        held = np.minimum(*margin.values()) >= Z90 if confidence is None else keeps >= confidence
        usd = np.array([option.usd_per_hour for option in options])
        truly = np.array([all(o.measured_ms[m] <= limits[m] for m in limits) for o in options])
        if not held.any():
            nothing[case % len(LEVELS)] += 1
            continue
        pick = int(np.argmin(np.where(held, usd, np.inf)))
        stated.append(float(keeps[pick]))
        if truly[pick]:
            kept += 1
            costs.append(usd[pick] / usd[truly].min())
    return Score(
        nothing=_share(sum(nothing), many),
        kept=_share(kept, len(stated)),
        stated=float(np.mean(stated)) if stated else float("nan"),
        cost=float(np.mean(costs)) if costs else float("nan"),
        nothing_by_level=tuple(_share(n, len(found)) for n in nothing),
    )


def _share(count: int, of: int) -> float:
    return count / of if of else float("nan")


def nothing_held_out(seen: Observations) -> HeldOut:
    """What is known of the rows themselves; no error."""
    nothing = np.full(len(seen.rows), np.nan)
    return HeldOut(
        seen=seen, row=nothing, model=nothing, gpu=nothing, source=nothing,
        elsewhere=nothing, near_capacity=np.zeros(len(seen.rows), dtype=bool),
    )  # fmt: skip


def left_out_errors(optimum: Optimum, rows: HeldOut) -> dict[str, Floats]:
    """log(measured ÷ predicted) of each row, with its model, its GPU and its source left out in turn."""
    groups = {"model": rows.shapes, "gpu": rows.gpus, "source": rows.sources}
    return {name: leave_groups_out(optimum, of) for name, of in groups.items()}


def held_out(kept: Path | None) -> HeldOut:
    """Errors of all rows, each model, GPU and source left out in turn; a minute or two."""
    seen = observe(read_speed(shipped("measurements")))
    unknown = nothing_held_out(seen)
    if kept is not None and kept.exists():
        known = np.load(kept)
        columns = {name: known[name] for name in ("model", "gpu", "source", "near_capacity")}
    else:
        optimum = Optimum.of(seen, Predictor.shipped().fit.speed)
        columns = {**left_out_errors(optimum, unknown), "near_capacity": near_capacity(optimum)}
        if kept is not None:
            np.savez(kept, **columns)
    return replace(unknown, **columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--errors", type=Path, help="keep the held-out errors in this file, or take them")
    held, predictor = held_out(parser.parse_args().errors), Predictor.shipped()
    found = {name: decisions(held, predictor, name, distance) for name, distance in LEFT_OUT}
    print_rules(found, predictor.fit.shared.first_token)
    print_what_limits(found, predictor.fit.shared.first_token)


def print_rules(found: Mapping[str, Sequence[Sequence[Option]]], shared: float) -> None:
    """Each rule's score; how often nothing is picked, by how tight the limits are."""
    print(f"{'left out':<10}{'decisions':>10}{'rule':>12}{'nothing':>10}{'kept':>8}{'stated':>8}{'cost':>8}")
    levels = {}
    for name, options in found.items():
        for rule in (None, *CONFIDENCES):
            made = score(options, shared, rule)
            label = "each end" if rule is None else f"{rule:g}"
            print(f"{name:<10}{len(options) * len(LEVELS):>10,}{label:>12}{_scores(made)}")
            if rule == USUAL:
                levels[name] = made.nothing_by_level
    print(f"\nnothing picked at {USUAL:g}, by the limits ÷ what the fastest was measured at")
    print(f"{'left out':<10}" + "".join(f"{level:>8.2f}" for level in LEVELS))
    for name, shares_by_level in levels.items():
        print(f"{name:<10}" + "".join(f"{share:>8.0%}" for share in shares_by_level))


def print_what_limits(found: Mapping[str, Sequence[Sequence[Option]]], shared: float) -> None:
    """How true the stated probabilities are, and what smaller errors would change."""
    bands = list(itertools.pairwise(BANDS))
    print("\nlimits about a prediction: kept, by the probability stated (its mean)")
    print(f"{'left out':<10}" + "".join(f"{f'{low:g}-{high:g}':>14}" for low, high in bands))
    for name, options in found.items():
        stated, kept = stated_and_kept(options, shared)
        within = [(low <= stated) & (stated < high) for low, high in bands]
        cells = [f"{kept[at].mean():.0%} ({stated[at].mean():.0%})" for at in within]
        print(f"{name:<10}" + "".join(f"{cell:>14}" for cell in cells))
    print(f"\nat {USUAL:g}, if predictions erred less")
    print(f"{'left out':<10}{'errors':>10}{'':>12}{'nothing':>10}{'kept':>8}{'stated':>8}{'cost':>8}")
    for name, options in found.items():
        for share in SHARES:
            less = [[erring_less(option, share) for option in of] for of in options]
            print(f"{name:<10}{f'x {share:g}':>10}{'':>12}{_scores(score(less, shared, USUAL))}")


def _scores(made: Score) -> str:
    return f"{made.nothing:>10.1%}{made.kept:>8.1%}{made.stated:>8.1%}{made.cost:>7.2f}x"


if __name__ == "__main__":
    main()
