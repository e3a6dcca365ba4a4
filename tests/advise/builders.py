"""Deployments and predictions made by hand, so that the verdicts on them can be checked by eye."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from math import nan
from types import SimpleNamespace

import numpy as np

from advisor.advise.choose.assessment import Assessment, Refusal
from advisor.advise.choose.candidate_deployments import Space
from advisor.advise.choose.choice import Choice
from advisor.advise.choose.deployment_evaluator import DeploymentEvaluator
from advisor.advise.choose.judged_rows import TableRows
from advisor.advise.choose.judged_table import JudgedTable
from advisor.advise.choose.recorded_failures import Border
from advisor.cost.estimate_with_interval import Estimate
from advisor.cost.predict.prediction import MemoryPlan, Prediction, Status
from advisor.cost.predict.prediction_table import PredictionTable, Range
from advisor.cost.predict.predictor import Z90, Predictor
from advisor.cost.quality.loss_distribution import LossDistribution
from advisor.cost.quality.question_and_recovery import Recovery
from advisor.cost.serving.serving_stats import ServingStats
from advisor.cost.uncertainty.shared_errors import SharedErrors
from advisor.spec.deployment import Deployment, KvFormat
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu import GpuSpec, Price
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.model import Attention, Ffn, LayerGroup, ModelSpec
from advisor.spec.workloads.workload import Arrival, Lengths, Load, Workload

GB = 1_000_000_000
BUSY_TALKS = """
input_tokens: 400
output_tokens: 250
turns: {kind: geometric, mean: 4}
think_time_s: {kind: exponential, mean: 40}
system_tokens: 1000
load: {concurrency: 400}
slo: {ttft_p95_ms: 500, tpot_p95_ms: 40}
"""
"""A workload of conversations that keep some GPUs busy."""


def llama_8b(*, max_context: int = 131_072, query_heads: int = 32) -> ModelSpec:
    """Llama-3.1-8B as its config.json states it: 32 layers, GQA 32/8 heads of 128, FFN 14336."""
    hidden, kv_heads, head = 4096, 8, 128
    attention = Attention(
        kind="full",
        query_heads=query_heads,
        qk_head_dim=head,
        v_head_dim=head,
        linear_params=2 * hidden * query_heads * head + 2 * hidden * kv_heads * head,
        kv_elements_per_token=2 * kv_heads * head,
        kv_read_elements_per_token=2 * kv_heads * head,
    )
    ffn = Ffn(linear_params=3 * hidden * 14_336)
    return ModelSpec(
        name="Llama-3.1-8B-Instruct",
        hf_id="meta-llama/Llama-3.1-8B-Instruct",
        architecture="LlamaForCausalLM",
        hidden=hidden,
        vocab=128_256,
        max_context=max_context,
        groups=(LayerGroup(count=32, attention=attention, ffn=ffn, norm_params=2 * hidden),),
        embedding_params=128_256 * hidden,
        lm_head_params=128_256 * hidden,
        other_params=hidden,
        family="llama-3",
    )


def around(value: float, share: float = 0.1) -> Estimate:
    """An estimate whose interval reaches `share` to either side."""
    return Estimate(value=value, low=value * (1 - share), high=value * (1 + share), basis="fitted")


def deployment(
    *,
    fmt: str = "bf16",
    gpu: str = "A6000",
    tensor_parallel: int = 1,
    replicas: int = 1,
    kv_format: KvFormat = "16bit",
    model: ModelSpec | None = None,
) -> Deployment:
    return Deployment(
        model=model or llama_8b(),
        format=find_format(fmt),
        gpu=find_gpu(gpu),
        tensor_parallel=tensor_parallel,
        replicas=replicas,
        kv_format=kv_format,
    )


def workload(
    *,
    arrival: Arrival | None = None,
    input_tokens: int = 512,
    output_tokens: int = 256,
    **fields: object,
) -> Workload:
    load = Load(
        input_tokens=Lengths.constant(input_tokens),
        output_tokens=Lengths.constant(output_tokens),
        arrival=arrival or Arrival(kind="concurrency", value=8),
    )
    return Workload(name="test", about="a test", load=load, **fields)  # type: ignore[arg-type]


def prediction(
    of: Deployment | None = None,
    *,
    under: Workload | None = None,
    latency_ms: Mapping[tuple[str, str], Estimate] | None = None,
    requests_per_s: float = 2.0,
    capacity: float | None = None,
    share: float = 0.1,
    status: Status = "stable",
    recovery: Estimate | None = None,
    goodput_share: Estimate | None = None,
    kv_bytes: float = 20 * GB,
    max_context: int = 131_072,
    max_concurrency: int = 100,
) -> Prediction:
    asked = under or workload()
    latency = {
        ("ttft", "mean"): around(100.0, share),
        ("tpot", "mean"): around(20.0, share),
        ("e2e", "mean"): around(5_000.0, share),
    }
    return Prediction(
        deployment=of or deployment(),
        load=asked.load,
        memory=MemoryPlan(
            weight_bytes=16 * GB,
            overhead_bytes=2 * GB,
            kv_bytes=kv_bytes,
            kv_low_bytes=kv_bytes,
            kv_high_bytes=kv_bytes,
            usable_bytes=38 * GB,
            max_context=max_context,
            max_concurrency=max_concurrency,
        ),
        status=status,
        latency=latency | dict(latency_ms or {}),
        requests_per_s=around(requests_per_s, share),
        output_tokens_per_s=around(requests_per_s * asked.load.output_tokens.mean, share),
        capacity_requests_per_s=around(capacity or requests_per_s, share),
        goodput_share=goodput_share,
        recovery=recovery,
    )


def price_of(gpu: GpuSpec, num_gpus: int) -> Price | None:
    """0.80 USD for an A6000 and 1.79 for an A100, as the seed paper has them; no other price."""
    usd = {"A6000": 0.80, "A100": 1.79}.get(gpu.family)
    if usd is None:
        return None
    return Price(
        provider="paper",
        num_gpus=num_gpus,
        usd_per_hour=usd * num_gpus,
        term="on-demand",
        date="2024-10-28",
        source="arXiv:2411.02355v4",
    )


def choice(
    under: Workload,
    of: Sequence[Deployment],
    *,
    max_usd_per_hour: float | None = None,
    border: Border | None = None,
) -> Choice:
    return Choice(
        space=Space(model=of[0].model, gpus=(of[0].gpu,), formats=(of[0].format,)),
        workload=under,
        price_of=price_of,
        max_usd_per_hour=max_usd_per_hour,
        border=border or Border(),
    )


def judged(
    predictions: Sequence[Prediction],
    under: Workload | None = None,
    *,
    max_usd_per_hour: float | None = None,
) -> JudgedTable:
    """What the judge makes of predictions made by hand."""
    asked = under or workload()
    of = [p.deployment for p in predictions]
    made = choice(asked, of, max_usd_per_hour=max_usd_per_hour)
    recoveries = [
        Recovery(true=p.recovery, loss=_loss(p.recovery), note=p.recovery_note) for p in predictions
    ]
    evaluator = DeploymentEvaluator(made, (asked.load,), predictor_of(predictions), of, recoveries)
    count = np.array([d.replicas for d in of], dtype=np.intp)
    return evaluator.table(count, answers(predictions, evaluator.statistics))


def _loss(recovery: Estimate | None) -> LossDistribution | None:
    """Normal, with the estimate's lower end."""
    if recovery is None:
        return None
    return LossDistribution(mean=1.0 - recovery.value, sd=(recovery.value - recovery.low) / Z90)


def answers(predictions: Sequence[Prediction], statistics: Sequence[tuple[str, str]]) -> PredictionTable:
    """Predictions as the predictor's arrays have them."""

    def ranges(read: Callable[[Prediction], Estimate | None]) -> Range:
        rows = [(nan, nan, nan) if (e := read(p)) is None else (e.value, e.low, e.high) for p in predictions]
        value, low, high = np.array(rows).T
        return Range(value=value, low=low, high=high)

    count = len(predictions)
    unknown = np.full(count, nan)
    timed = np.array([nan if p.status == "backlogged" else 1.0 for p in predictions])
    latency = {one: ranges(lambda p, one=one: p.latency.get(one)) for one in statistics}
    capacity = ranges(lambda p: p.capacity_requests_per_s)
    replicas = np.array([p.deployment.replicas for p in predictions])
    longest = np.array([float(p.memory.max_context) for p in predictions])
    known = {"tpot_s": timed, "capacity_requests_per_s": capacity.value / replicas}
    return PredictionTable(
        requests_per_s=ranges(lambda p: p.requests_per_s),
        output_tokens_per_s=ranges(lambda p: p.output_tokens_per_s),
        capacity_requests_per_s=capacity,
        distance=np.zeros(count, dtype=np.intp),
        fits=np.array([p.memory.fits for p in predictions]),
        max_concurrency=np.array([p.memory.max_concurrency for p in predictions], dtype=np.intp),
        stats=ServingStats(**{f.name: known.get(f.name, unknown) for f in fields(ServingStats)}),
        measured=np.zeros(count, dtype=bool),
        latency_ms=latency,
        max_context=np.array([p.memory.max_context for p in predictions], dtype=np.intp),
        longest=Range(value=longest, low=longest, high=longest),
    )


class Handmade:
    """A predictor that knows predictions made by hand."""

    def __init__(self, predictions: Sequence[Prediction], text: str) -> None:
        self._known = {p.deployment.key: p for p in predictions}
        self._text = text
        self.fit = SimpleNamespace(shared=SharedErrors())

    def predictions(self, deployments: Sequence[Deployment], *_: object, **__: object) -> list[Prediction]:
        return [self._known[d.key] for d in deployments]

    def table(
        self, deployments: Sequence[Deployment], _: object, statistics: Sequence[tuple[str, str]]
    ) -> PredictionTable:
        """At any load that leaves room: as the deployment's prediction has it."""
        known = [replace(self._known[d.key], status="stable") for d in deployments]
        return answers(known, statistics)

    def summary(self) -> dict[str, object]:
        return {"text": self._text} if self._text else {}


def predictor_of(predictions: Sequence[Prediction], text: str = "") -> Predictor:
    return Handmade(predictions, text)  # type: ignore[return-value]


def assessed(of: Prediction, under: Workload | None = None, **judging: float) -> Assessment:
    """One prediction, judged."""
    return TableRows(judged([of], under, **judging), predictor_of([of])).assessment(0)


def refusals(of: Prediction, under: Workload, **judging: float) -> list[Refusal]:
    return list(assessed(of, under, **judging).refusals)
