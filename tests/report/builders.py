"""An answer made by hand, so that what is printed of it can be checked by eye."""

from __future__ import annotations

from advisor.advise.choose.assessment import Assessment, Refusal
from advisor.advise.choose.rank import pareto, rank
from advisor.advise.choose.recommendation import Recommendation
from advisor.cost.estimate import Estimate
from advisor.spec.workloads.workload import Arrival, LatencyLimit, Workload
from tests.advise.builders import around, assessed, deployment, llama_8b, prediction, workload


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
    refusal = Refusal(
        kind="format", limit=f"{gpu} runs {fmt}", words="vLLM has no kernel of this format for it"
    )
    return Assessment(
        deployment=deployment(fmt=fmt, gpu=gpu), prediction=None, cost=None, refusals=(refusal,)
    )


def recommendation(*assessments: Assessment, text: str = "") -> Recommendation:
    ranked = rank([a for a in assessments if a.kept], "cost")
    refused = sorted(
        (a for a in assessments if not a.kept), key=lambda a: (a.excess is None, a.excess or 0.0)
    )
    return Recommendation(
        model=llama_8b(),
        workload=limited(),
        ranked=ranked,
        refused=tuple(refused),
        pareto=pareto(ranked),
        fit={"text": text} if text else {},
    )


def three() -> Recommendation:
    """INT4 first, INT8 and BF16 behind, one refused by its latency, one without a kernel."""
    return recommendation(
        answer("int4", 4.0, 0.98),
        answer("int8", 3.0, 0.995),
        answer("bf16", 2.5, 1.0, gpu="A100"),
        answer("fp8", 3.5, 0.999, ttft_p95_ms=400.0),
        cannot_run("w4a8-fp8", "A100"),
        text="Fitted on 100 rows.",
    )
