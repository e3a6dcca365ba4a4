"""An answer made by hand, so that what is printed of it can be checked by eye."""

from __future__ import annotations

from dataclasses import replace

from advisor.advise.choose.assessment import Assessment, Refusal
from advisor.advise.choose.recommendation import Recommendation, recommendation_of
from advisor.cost.estimate_with_interval import Estimate
from advisor.spec.workloads.workload import Arrival, LatencyLimit, Objective, Workload
from tests.advise.builders import (
    around,
    assessed,
    choice,
    deployment,
    judged,
    prediction,
    predictor_of,
    workload,
)


def limited() -> Workload:
    return workload(
        arrival=Arrival(kind="rate", value=2.0),
        limits=(LatencyLimit(metric="ttft", statistic="p95", max_ms=300.0),),
    )


def answer(
    fmt: str, requests_per_s: float, recovery: float, *, gpu: str = "A6000", ttft_p95_ms: float = 200.0
) -> Assessment:
    asked = limited()
    return assessed(
        prediction(
            deployment(fmt=fmt, gpu=gpu),
            under=asked,
            requests_per_s=requests_per_s,
            capacity=2 * requests_per_s,
            latency_ms={("ttft", "p95"): around(ttft_p95_ms)},
            recovery=Estimate(value=recovery, low=recovery - 0.01, high=recovery, basis="measured"),
        ),
        asked,
    )


def cannot_run(fmt: str, gpu: str) -> Assessment:
    return Assessment(deployment=deployment(fmt=fmt, gpu=gpu), cost=None, refusals=(Refusal(kind="format"),))


def recommendation(
    *answers: Assessment,
    text: str = "",
    objective: Objective = "cost",
    arrival: Arrival | None = None,
    limits: bool = True,
) -> Recommendation:
    """The answer that predictions made by hand give, with what cannot run at all; with limits or without."""
    predictions = [p for a in answers if (p := a.prediction) is not None]
    others = [(a.deployment, a.refusals[0].kind) for a in answers if a.prediction is None]
    asked = replace(limited(), objective=objective)
    asked = asked if limits else replace(asked, limits=())
    if arrival is not None:
        asked = replace(asked, load=replace(asked.load, arrival=arrival))
    made = choice(asked, [p.deployment for p in predictions] or [deployment()])
    table = judged(predictions, asked) if predictions else None
    found = recommendation_of(made, table, predictor_of(predictions, text), others)
    return replace(found, choice=None)


def three(objective: Objective = "cost") -> Recommendation:
    """INT4 first, INT8 and BF16 behind, one refused by its latency, one without a kernel."""
    return recommendation(
        answer("int4", 4.0, 0.98),
        answer("int8", 3.0, 0.995),
        answer("bf16", 2.5, 1.0, gpu="A100"),
        answer("fp8", 3.5, 0.999, ttft_p95_ms=400.0),
        cannot_run("w4a8-fp8", "A100"),
        text="Fitted on 100 rows.",
        objective=objective,
    )
