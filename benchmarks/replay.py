"""Replays measuring on published data: how soon the right format is chosen, by what is measured first.

    python benchmarks/replay.py [--errors HELD.npz]

The predictions are those of a fit that had not seen the model (all its rows left out); what is revealed are
the published figures. A case is one model, use case and load: which format on which GPU serves a query for
least money, at the prices of the seed paper's time. Measuring one option reveals its published cost. After
each measurement the option that is then expected to be cheapest is taken; what it costs more than the
published cheapest is the regret. `suggested` follows the value of information (as `measure-next` does),
`random` is the mean over 20 orders, `grid` goes through GPUs and formats in the order of their names,
`cheapest first` measures what is predicted to be best.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from advisor.advise.measuring.value_of_information import Problem, best_now, gain, losses_now
from advisor.cost.array_table import Floats
from advisor.cost.evaluation.fit_without_rows import Optimum
from advisor.cost.evaluation.format_choice_score import RIGHT_WITHIN, usd_per_query
from advisor.cost.evaluation.held_out_errors import HeldOut, leave_groups_out
from advisor.cost.fitting.measured_deployments import shape_key
from advisor.cost.fitting.observations import Observations, observe
from advisor.cost.predict.predictor import REPEAT, REPEAT_MAXIMUM, Z90, Predictor
from advisor.cost.uncertainty.error_class import Distance, EngineClass, error_class
from advisor.cost.uncertainty.intervals import Interval
from advisor.cost.uncertainty.shared_errors import TOKEN_RATE, Shares
from advisor.record.store import read_speed
from advisor.shipped_files import shipped
from advisor.spec.engines.engine import defaults

STEPS = 6
ORDERS = 20


@dataclass(frozen=True)
class Case:
    """One decision: options with predicted and published costs of a query."""

    name: str
    gpus: tuple[str, ...]
    formats: tuple[str, ...]
    predicted: np.ndarray
    published: np.ndarray
    interval: Interval
    """Of log(measured ÷ predicted); costs err the same way."""
    shares: Shares
    noise: float

    def problem(self) -> Problem:
        names: dict[str, int] = {}
        rows = []
        for gpu, fmt in zip(self.gpus, self.formats, strict=True):
            s = self.shares
            parts = {
                "model": s.model, f"gpu {gpu}": s.gpu, f"format {fmt}": s.format,
                f"pair {gpu} {fmt}": s.pair + s.own,
            }  # fmt: skip
            for name in parts:
                names.setdefault(name, len(names))
            rows.append(parts)
        loadings = np.zeros((len(rows), len(names)))
        for number, parts in enumerate(rows):
            for name, part in parts.items():
                loadings[number, names[name]] = max(part, 0.0) ** 0.5
        loadings /= np.sqrt((loadings**2).sum(axis=1, keepdims=True))
        least = self.predicted.min()

        def losses(errors: np.ndarray) -> np.ndarray:
            stretch = np.where(errors > 0, self.interval.high, -self.interval.low)
            return np.asarray(self.predicted / least * np.exp(stretch * errors / Z90))

        return Problem(
            loadings=loadings,
            losses=losses,
            reveals=tuple(np.array([i]) for i in range(len(rows))),
            noise=tuple(np.array([self.noise]) for _ in rows),
        )

    def shown(self, option: int) -> float:
        """The published error, in standard deviations."""
        error = float(np.log(self.published[option] / self.predicted[option]))
        half = self.interval.high if error > 0 else -self.interval.low
        return float(np.clip(Z90 * error / half, -4.0, 4.0))


def regret(case: Case, problem: Problem, measured: Sequence[int]) -> float:
    """What the option taken after these measurements costs more than the cheapest."""
    known = [(i, np.array([case.shown(i)])) for i in measured]
    expected = losses_now(problem, known)
    return float(case.published[int(np.argmin(expected))] / case.published.min() - 1.0)


def conditioned(problem: Problem, case: Case, measured: Sequence[int]) -> Problem:
    """The problem with what was measured known: the parts' distribution moved and narrowed."""
    if not measured:
        return problem
    shown = problem.loadings[list(measured)]
    seen = np.array([case.shown(i) for i in measured])
    sd = np.maximum(np.array([problem.noise[i][0] for i in measured]), 1e-3)
    gram = shown @ shown.T + np.diag(sd**2)
    mean = problem.loadings @ shown.T @ np.linalg.solve(gram, seen)
    left = np.eye(problem.loadings.shape[1]) - shown.T @ np.linalg.solve(gram, shown)
    values, vectors = np.linalg.eigh(left)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    losses = problem.losses
    return Problem(
        loadings=problem.loadings @ root,
        losses=lambda errors: losses(errors + mean),
        reveals=problem.reveals,
        noise=problem.noise,
    )


Order = Callable[[Case, Problem, Sequence[int]], int]


def suggested(case: Case, problem: Problem, measured: Sequence[int]) -> int:
    """The option whose measurement is worth most, given those before it."""
    now = conditioned(problem, case, measured)
    rest = [i for i in range(len(case.formats)) if i not in measured]
    best = best_now(now)
    return max(rest, key=lambda i: (gain(now, [i], best), -case.predicted[i]))


def predicted_best(case: Case, problem: Problem, measured: Sequence[int]) -> int:
    rest = [i for i in range(len(case.formats)) if i not in measured]
    return min(rest, key=lambda i: case.predicted[i])


def grid(case: Case, problem: Problem, measured: Sequence[int]) -> int:
    rest = [i for i in range(len(case.formats)) if i not in measured]
    return min(rest, key=lambda i: (case.gpus[i], case.formats[i]))


def follow(case: Case, order: Order) -> list[float]:
    """Regret after 0, 1, … measurements in an order."""
    problem, measured = case.problem(), []
    found = [regret(case, problem, measured)]
    for _ in range(min(STEPS, len(case.formats))):
        measured.append(order(case, problem, measured))
        found.append(regret(case, problem, measured))
    return found + [found[-1]] * (STEPS + 1 - len(found))


def follow_random(case: Case) -> list[float]:
    rng = np.random.default_rng(0)
    runs = []
    for _ in range(ORDERS):
        permutation = rng.permutation(len(case.formats)).tolist()
        runs.append(follow(case, lambda _, __, measured, p=permutation: p[len(measured)]))
    return [float(x) for x in np.mean(runs, axis=0)]


def points_needed(regrets: Sequence[float]) -> int:
    """Measurements after which the choice is within 2 % of the best, and stays so."""
    wrong = [k for k, r in enumerate(regrets) if r > RIGHT_WITHIN]
    return wrong[-1] + 1 if wrong else 0


def cases(held: HeldOut, predictor: Predictor, left_out: Distance) -> list[Case]:
    """Single-stream latency and maximum throughput in the seed paper and the cards.

    With the model left out the options are formats on all GPUs; with the GPU left out, formats on that one.
    """
    errors = held.model if left_out == "model" else held.gpu
    groups: dict[tuple[object, ...], dict[tuple[str, str], int]] = {}
    for i, row in enumerate(held.seen.rows):
        wanted = (row.load, row.metric) in (("single", "e2e_ms"), ("maximum", "requests_per_s"))
        if wanted and held.seen.sources.is_reference(row.source) and np.isfinite(errors[i]):
            gpu = row.gpu if left_out == "gpu" else ""
            key = (row.source, row.model, row.load, row.input_tokens, row.output_tokens, gpu)
            groups.setdefault(key, {})[row.gpu, row.format] = i
    found = []
    for key, options in groups.items():
        at = list(options.values())
        if len(at) < (4 if left_out == "model" else 3):
            continue
        rows = [held.seen.rows[i] for i in at]
        single = key[2] == "single"
        published = np.array([usd_per_query(row, row.value) for row in rows])
        # log(measured ÷ predicted) of a latency is that of its cost; of a throughput its negative.
        sign = 1.0 if single else -1.0
        predicted = published / np.exp(sign * errors[at])
        d = held.deployments[at[0]]
        engine = EngineClass(defaults(d.engine, d.gpu).generation, d.model.is_moe)
        metric = "e2e" if single else "throughput"
        load = "single" if single else "maximum"
        interval = predictor.fit.intervals.of(error_class(metric, "mean", load, engine, left_out))
        if not single:
            interval = Interval(low=-interval.high, high=-interval.low, rows=interval.rows)
        repeat = REPEAT if single else REPEAT_MAXIMUM
        found.append(
            Case(
                name=" ".join(map(str, key[1:])),
                gpus=tuple(gpu for gpu, _ in options),
                formats=tuple(fmt for _, fmt in options),
                predicted=predicted,
                published=published,
                interval=interval,
                shares=predictor.fit.shared.of(TOKEN_RATE, load, left_out, engine),
                noise=repeat * Z90 / max(interval.high, -interval.low),
            )
        )
    return found


def held_out(predictor: Predictor) -> HeldOut:
    """Errors of all rows, each model left out in turn; half a minute."""
    seen = observe(read_speed(shipped("measurements")))
    optimum = Optimum.of(seen, predictor.fit.speed)
    of_row = seen.row_deployments
    model = leave_groups_out(optimum, [shape_key(d.model) for d in of_row])
    gpu = leave_groups_out(optimum, [d.gpu.name for d in of_row])
    return errors_of(seen, model=model, gpu=gpu)


def errors_of(seen: Observations, *, model: Floats, gpu: Floats) -> HeldOut:
    """These errors; nothing held out otherwise, and no row near the capacity."""
    nothing = np.full(len(seen.rows), np.nan)
    return HeldOut(
        seen=seen,
        row=nothing,
        model=model,
        gpu=gpu,
        source=nothing,
        elsewhere=nothing,
        near_capacity=np.zeros(len(seen.rows), dtype=bool),
    )


ORDERINGS: dict[str, Callable[[Case], list[float]]] = {
    "suggested": lambda case: follow(case, suggested),
    "cheapest first": lambda case: follow(case, predicted_best),
    "grid": lambda case: follow(case, grid),
    "random": follow_random,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--errors", type=Path, help="keep the held-out errors in this file, or take them")
    path = parser.parse_args().errors
    predictor = Predictor.shipped()
    if path is not None and path.exists():
        seen = observe(read_speed(shipped("measurements")))
        kept = np.load(path)
        held = errors_of(seen, model=kept["model"], gpu=kept["gpu"])
    else:
        held = held_out(predictor)
        if path is not None:
            np.savez(path, model=held.model, gpu=held.gpu)
    for left_out in ("model", "gpu"):
        report(cases(held, predictor, left_out), left_out)  # type: ignore[arg-type]


def report(found: Sequence[Case], left_out: str) -> None:
    options = np.mean([len(case.formats) for case in found])
    curves = {name: [run(case) for case in found] for name, run in ORDERINGS.items()}
    wrong = [number for number, curve in enumerate(curves["suggested"]) if curve[0] > RIGHT_WITHIN]
    print(f"\n{left_out} left out of the fit: {len(found)} decisions with {options:.1f} options on average")
    right = len(found) - len(wrong)
    print(
        f"right (within {RIGHT_WITHIN:.0%}) before anything is measured: {right} ({right / len(found):.0%})"
    )
    print("mean regret after so many measurements, and measurements until right for good:")
    print(" " * 16 + "".join(f"{k:>8}" for k in range(STEPS + 1)) + f"{'all':>8}{'not right at first':>20}")
    for name, of in curves.items():
        mean = np.mean(of, axis=0)
        needed = np.array([points_needed(curve) for curve in of])
        late = f"{needed[wrong].mean():>20.2f}" if wrong else " " * 20
        print(f"{name:<16}" + "".join(f"{m:>8.2%}" for m in mean) + f"{needed.mean():>8.2f}{late}")


if __name__ == "__main__":
    main()
