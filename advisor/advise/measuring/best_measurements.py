"""Which few measurements would improve the choice most for the GPU time they take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from advisor.advise.certainty.at_risk_candidates import MIN_PROBABILITY, MISS_COST, at_risk_candidates
from advisor.advise.certainty.choice_probability import ChoiceProbability, Contest, contest, sureness
from advisor.advise.certainty.error_draws import as_good, draw, loadings_of, outcomes
from advisor.advise.choose.certainty_frontier import usd_by_role, weighed_per
from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.measuring import gpu_time as effort
from advisor.advise.measuring.value_of_information import Problem, errors_given, greedy, held_for_sure
from advisor.cost.array_table import Floats
from advisor.cost.predict.prediction_table import Range
from advisor.cost.predict.predictor import REPEAT, REPEAT_MAXIMUM, Z90
from advisor.cost.serving.load_table import busy_replicas
from advisor.cost.uncertainty.joint_probability import RECOVERY, TOKEN_RATE, TTFT, deviate
from advisor.display_text import share
from advisor.spec.benchmark_run import BenchmarkRun
from advisor.spec.deployment import Deployment
from advisor.spec.reading.amounts import HOURS_PER_MONTH
from advisor.spec.workloads.workload import Arrival
from advisor.units import MS_PER_S, S_PER_HOUR, S_PER_MINUTE

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

CAUSES = (TOKEN_RATE, TTFT, RECOVERY)
MIN_GAIN = 0.005
"""Expected gain, as a share of the first's objective, below which measuring is not worth telling."""
MOST_KINDS = 12
"""Measurements weighed against each other: of the deployments likeliest to matter."""
ALONE = 0.05
"""Requests in flight on average up to which a benchmark sends one after another: at a low rate it would wait
for hours, and nearly every request is alone."""
STDERR = 0.006
"""Standard error of a recovery over a few tasks with all their items: what published scores of one model
scatter by."""

What = Literal["speed", "accuracy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One thing worth measuring."""

    what: What
    deployment: Deployment
    """One replica."""
    arrival: Arrival
    """One replica's share of the load."""
    gpu_minutes: float
    gain: float
    """Expected saving that it adds to those before it, as a share of the first's cost (its objective)."""
    sure_then: float | None = None
    """Probability that, after it and those before it, something keeps every limit for sure; None where
    something does already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """What to measure next, the most gain per GPU-minute first; empty where nothing is to be gained."""

    sure: ChoiceProbability | None
    """How sure the choice is now; where nothing keeps the limits for sure, of what is best to take untested;
    None where nothing has a chance to keep them."""
    kept: bool
    """Whether something keeps the limits for sure now."""
    measurements: tuple[Measurement, ...]
    loss: float
    """What acting now is expected to cost beyond knowing everything, as a share of the first's objective; the
    most that measuring could save."""
    why_nothing: str = ""
    usd_per_hour: float | None = None
    """What the recommended costs; None where nothing is recommended, or no price is known."""
    may_fall_to: float | None = None
    """What the cheaper pick costs, which a measurement may admit; None where there is none, and where it is
    cheaper by the token."""

    @property
    def gain(self) -> float:
        """Expected saving by all of them."""
        return sum(m.gain for m in self.measurements)

    @property
    def gpu_minutes(self) -> float:
        return sum(m.gpu_minutes for m in self.measurements)


def measure_next(
    recommendation: Recommendation,
    predictor: Predictor,
    quality: QualityModel | None = None,
    *,
    count: int = 3,
) -> Suggestion | None:
    """Up to `count` measurements; None for an answer made by hand.

    The most saved per GPU-minute first; the one that decides between the picks, where there are several, is
    among them. The gain is what choosing with their results is expected to save, averaged over what they
    might show. Where nothing keeps the limits for sure, over taking untested what is best to take.
    """
    if recommendation.choice is None:
        return None
    kept = recommendation.winner is not None
    of = (
        contest(recommendation, predictor, quality) if kept else at_risk_candidates(recommendation, predictor)
    )
    if of is None:
        why = f"nothing has a chance of {share(MIN_PROBABILITY)} to keep every limit"
        return Suggestion(sure=None, kept=kept, measurements=(), loss=0.0, why_nothing=why)
    sure = sureness(of)
    usd = usd_by_role(recommendation.picks)
    by_hour = weighed_per(recommendation.workload) == "hour"
    now, cheaper = usd.get("recommended"), usd.get("cheaper") if by_hour else None
    first = _cheaper(recommendation)
    measurable = _measurable(of, first)
    problem = _problem(of, predictor, measurable, first)
    loss = _perfect(problem)
    if not measurable:
        why = "everything that could be chosen has been measured under this very load"
        return Suggestion(sure=sure, kept=kept, measurements=(), loss=loss, why_nothing=why)
    chosen = greedy(problem, [m.gpu_minutes for m in measurable], count, least=MIN_GAIN)
    found = [replace(measurable[n], gain=gain) for n, gain in chosen]
    if not kept:
        then = [_sure_after(of, problem, [n for n, _ in chosen[: i + 1]]) for i in range(len(chosen))]
        found = [replace(m, sure_then=chance) for m, chance in zip(found, then, strict=True)]
    between = settling(recommendation, predictor, quality) if kept else None
    if between is not None:
        same = [m for m in found if (m.what, m.deployment) == (between.what, between.deployment)]
        between = same[0] if same else between
        found = found if same else [*found[: count - 1], between]
    if kept:
        found = [m for m in found if m is between or _pays(m, of, None if now is None else m.gain * now)]
        found.sort(key=lambda m: -m.gain / m.gpu_minutes)
    found = _within(found, loss, keep=between)
    why = "" if found else f"no measurement is expected to save {share(MIN_GAIN)} of what the first costs"
    return Suggestion(
        sure=sure,
        kept=kept,
        measurements=tuple(found),
        loss=loss,
        why_nothing=why,
        usd_per_hour=now,
        may_fall_to=cheaper,
    )


def _within(found: Sequence[Measurement], loss: float, keep: Measurement | None) -> list[Measurement]:
    """The measurements with gains that together are no more than knowing everything would save.

    A gain is a mean over few imagined outcomes: of a choice that is nearly sure it is mostly chance.
    `keep` stays whatever it saves.
    """
    kept, left = [], max(loss, 0.0)
    for m in found:
        gain = min(m.gain, left)
        if gain >= MIN_GAIN or m is keep:
            kept.append(replace(m, gain=gain))
            left -= gain
    return kept


def settling(
    recommendation: Recommendation, predictor: Predictor, quality: QualityModel | None = None
) -> Measurement | None:
    """The one measurement that helps most to choose between the picks; None where there is but one, or none
    that would help. Of a cheaper pick, which is to be measured first, it is one of that pick."""
    choice = recommendation.choice
    first = _cheaper(recommendation)
    among = [pick.offer.deployment for pick in recommendation.picks]
    if choice is None or len(among) < 2:
        return None
    found = judge_fixed(choice, [choice.workload.load], among, predictor, quality)
    of = Contest(choice, found, draw(found, 0, np.arange(len(among)), predictor.fit.shared))
    measurable = _measurable(of, first)
    about = [m for m in measurable if m.deployment.key == first.times(1).key] if first is not None else []
    measurable = about or measurable
    if not measurable:
        return None
    problem = _problem(of, predictor, measurable, first)
    usd = usd_by_role(recommendation.picks)
    now, cheaper = usd.get("recommended"), usd.get("cheaper")
    best = greedy(problem, [m.gpu_minutes for m in measurable], 1, least=0.0 if about else MIN_GAIN)
    if not best and not about:
        return None
    # That a cheaper pick suffices saves the difference, however little the average over all outcomes says.
    number, gain = best[0] if best else (0, 0.0)
    chosen = replace(measurable[number], gain=gain)
    saved = None if now is None else now - cheaper if about and cheaper is not None else gain * now
    return chosen if _pays(chosen, of, saved) else None


def _cheaper(recommendation: Recommendation) -> Deployment | None:
    return next((pick.offer.deployment for pick in recommendation.picks if pick.role == "cheaper"), None)


def _pays(m: Measurement, of: Contest, usd_per_hour: float | None) -> bool:
    """Whether a measurement costs no more than it may save within a month, at so many USD per hour; where
    that is not known, or cost is not the aim, it may."""
    price = of.choice.price_of(m.deployment.gpu, m.deployment.tensor_parallel)
    if price is None or usd_per_hour is None or of.choice.workload.objective != "cost":
        return True
    costs = m.gpu_minutes * S_PER_MINUTE / S_PER_HOUR * price.usd_per_gpu_hour
    return costs <= usd_per_hour * HOURS_PER_MONTH


def _sure_after(of: Contest, problem: Problem, measured: Sequence[int]) -> float:
    """Probability that something then keeps every limit with the confidence asked for."""
    bounds = np.stack([of.found.margin_sd(cause)[0] for cause in CAUSES])
    bounds = np.where(of.found.possible[0], bounds, -np.inf)
    return held_for_sure(problem, measured, bounds, deviate(of.choice.workload.confidence))


def _perfect(problem: Problem) -> float:
    """Expected saving by knowing all errors, over the best choice now."""
    lost = problem.losses(errors_given(problem, draws=2_048))
    return float(lost.mean(axis=0).min() - lost.min(axis=1).mean())


def _measurable(of: Contest, cheaper: Deployment | None) -> list[Measurement]:
    """The kinds of deployment that matter, and the formats whose accuracy does."""
    arrival = of.choice.workload.load.arrival
    chosen = _kinds(of, cheaper)[:MOST_KINDS]
    found = []
    for i in chosen:
        d = of.deployments[i]
        busy = float(busy_replicas(arrival.kind, arrival.value or 1.0, d.replicas))
        part = _share(arrival, busy, float(of.found.answers.latency_ms["e2e", "mean"].value[i]))
        rate = float(of.found.answers.requests_per_s.value[i]) / busy
        if part.kind == "single" and arrival.kind != "single":
            rate = MS_PER_S / float(of.found.answers.latency_ms["e2e", "mean"].value[i])
        if not np.isfinite(rate) or rate <= 0:
            continue
        found.append(
            Measurement(
                what="speed",
                deployment=d.times(1),
                arrival=part,
                gpu_minutes=effort.bench_gpu_minutes(
                    BenchmarkRun.planned(part.kind, part.value), rate, d.tensor_parallel
                ),
                gain=0.0,
            )
        )
    asked = of.choice.workload
    if asked.quality.min_recovery is not None or asked.objective == "accuracy":
        for d in {
            (d.format.name, d.kv_format): d for d in reversed([of.deployments[i] for i in chosen])
        }.values():
            if d.format.weight_bits < 16 or d.kv_format == "fp8":
                minutes = 2 * effort.EVALUATE_MINUTES * d.tensor_parallel
                found.append(
                    Measurement(
                        what="accuracy",
                        deployment=d.times(1),
                        arrival=arrival,
                        gpu_minutes=minutes,
                        gain=0.0,
                    )
                )
    return found


def _kinds(of: Contest, cheaper: Deployment | None) -> list[int]:
    """Of each kind that was not measured the row whose number of replicas is likeliest to be the best, or is
    the cheaper pick's; the kinds that matter most first."""
    matter = as_good(of.draws).mean(axis=0)
    matter[0] += 1.0  # the first always does
    matter += [2.0 if d == cheaper else 0.0 for d in of.deployments]
    kinds: dict[tuple[object, ...], int] = {}
    for i in sorted(range(len(of.deployments)), key=lambda i: (-matter[i], i)):
        if not of.found.measured[0, i]:
            kinds.setdefault(of.deployments[i].times(1).key, i)
    return list(kinds.values())


def _share(arrival: Arrival, busy: float, e2e_ms: float) -> Arrival:
    """What one of the replicas that have requests has of the load; single requests where they hardly meet."""
    if arrival.value is None:
        return arrival
    value = arrival.value / busy
    if arrival.kind == "rate" and value * e2e_ms / MS_PER_S <= ALONE:
        return Arrival(kind="single")
    return replace(arrival, value=float(round(value)) if arrival.kind == "concurrency" else value)


def _problem(
    of: Contest, predictor: Predictor, measurable: Sequence[Measurement], cheaper: Deployment | None
) -> Problem:
    width = len(of.deployments)
    at = np.arange(width)
    names: dict[str, int] = {}
    blocks = []
    for cause in CAUSES:
        parts, loadings = loadings_of(of.found, 0, at, predictor.fit.shared, cause)
        blocks.append(([names.setdefault(part, len(names)) for part in parts], loadings))
    every = np.zeros((len(CAUSES) * width, len(names)))
    for number, (columns, loadings) in enumerate(blocks):
        every[number * width : (number + 1) * width, columns] = loadings
    own = float(of.found.objective.value[0, 0])

    def losses(errors: Floats) -> Floats:
        by_cause = {c: errors[:, n * width : (n + 1) * width] for n, c in enumerate(CAUSES)}
        seen = outcomes(of.found, 0, at, by_cause)
        return np.asarray(np.where(seen.keeps, np.minimum(seen.objective / own, MISS_COST), MISS_COST))

    rows = {of.deployments[i].times(1).key: i for i in _kinds(of, cheaper)}
    reveals, noise = [], []
    for m in measurable:
        i = rows[m.deployment.key]
        if m.what == "accuracy":
            reveals.append(np.array([2 * width + i]))
            noise.append(np.array([_accuracy_noise(of, i)]))
        else:
            reveals.append(np.array([i, width + i]))
            noise.append(_speed_noise(of, i))
    return Problem(loadings=every, losses=losses, reveals=tuple(reveals), noise=tuple(noise))


def _speed_noise(of: Contest, i: int) -> Floats:
    """How far a measurement is off, in standard deviations of the prediction's error: (token rate, TTFT)."""
    found = of.found.answers
    first = _half(found.latency_ms["ttft", "mean"], i)
    if of.choice.workload.load.arrival.kind == "maximum":
        repeat, rate = REPEAT_MAXIMUM, _half(found.requests_per_s, i)
    else:
        repeat, rate = REPEAT, _half(found.latency_ms["e2e", "mean"], i)
    return np.array([Z90 * repeat / rate, Z90 * 2 * repeat / first])


def _half(of: Range, i: int) -> float:
    """Half the interval's width in logs."""
    with np.errstate(invalid="ignore", divide="ignore"):
        half = float(np.log(of.high[i] / of.low[i]) / 2)
    return half if np.isfinite(half) and half > 0 else 1e-3


def _accuracy_noise(of: Contest, i: int) -> float:
    half = float(of.found.recovery_high[0, i] - of.found.recovery_low[0, i]) / 2
    return Z90 * STDERR / half if np.isfinite(half) and half > 0 else 1.0
