"""Parts of the documents that programs get, as types: model, workload, deployment, offer, assessment.

In `Annotated` a text describes a key and a `Rule` bounds its value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

from advisor.advise.choose.assessment import RefusalKind
from advisor.advise.choose.certainty_frontier import Role
from advisor.cost.estimate_with_interval import Basis
from advisor.cost.predict.prediction import Status
from advisor.cost.step.bottleneck import Bottleneck
from advisor.spec.engines.activation_dtype import Dtype
from advisor.spec.engines.kernel_choice import KvFormat
from advisor.spec.formats.checkpoint import Evidence
from advisor.spec.formats.format import ExecutionKind
from advisor.spec.workloads.workload import GpuCount, Objective


@dataclass(frozen=True, slots=True)
class Rule:
    """Keywords of JSON Schema that a value keeps, by name."""

    keywords: tuple[tuple[str, object], ...]


def rule(**keywords: object) -> Rule:
    return Rule(tuple(keywords.items()))


ABOVE_0 = rule(exclusiveMinimum=0)
FROM_0 = rule(minimum=0)
FROM_1 = rule(minimum=1)
NONE = rule(maxItems=0)

Version = Literal["2.0"]
Probability = Annotated[float, rule(minimum=0, maximum=1)]
Usd = Annotated[float, ABOVE_0]
MaybeUsd = Annotated[float | None, ABOVE_0]
Count = Annotated[int, FROM_0]
CountFrom1 = Annotated[int, FROM_1]
Bytes = Annotated[float, FROM_0]


class EstimateValue(TypedDict):
    """A value with its 90 % interval and what it rests on."""

    value: float
    low: float
    high: float
    basis: Basis


EstimateDocument = Annotated[EstimateValue, rule(additionalProperties=False)] | None


class ModelDocument(TypedDict):
    name: str
    hf_id: str | None
    params: CountFrom1
    active_params: CountFrom1
    native_format: Annotated[str | None, "The format the checkpoint comes in; null = 16 bits."]
    typical: Annotated[bool, "True for a shape made from a size alone."]


class GoodputDocument(TypedDict):
    ttft_ms: MaybeUsd
    tpot_ms: MaybeUsd
    e2e_ms: MaybeUsd
    min_share: Annotated[Probability, "Share of the requests that must keep all of these limits."]


class QualityDocument(TypedDict):
    min_recovery: Annotated[float | None, rule(exclusiveMinimum=0, maximum=1)]
    recipe: str | None
    tasks: list[str]


class ApiPriceDocument(TypedDict):
    """USD per million tokens; cached null: as other prompt tokens."""

    prompt: Annotated[float, FROM_0]
    cached: Annotated[float | None, FROM_0]
    answer: Annotated[float, FROM_0]


class WorkloadDocument(TypedDict):
    """The workload, in the keys of a profile."""

    name: str
    about: str
    input_tokens: Annotated[Any, "Mean number of tokens, or the keys of a distribution."]
    output_tokens: Annotated[Any, "Mean number of tokens, or the keys of a distribution."]
    load: Annotated[Any, "`single`, `maximum`, `{concurrency: …}` or `{requests_per_s: …}`."]
    prefix_hit_rate: Probability
    turns: Annotated[Any, "Turns of a conversation: a mean, or the keys of a distribution."]
    think_time_s: Annotated[
        Any, "Pause between an answer and the next prompt: seconds, or the keys of a distribution."
    ]
    system_tokens: Annotated[int, rule(minimum=0), "Tokens that every prompt begins with."]
    history: Annotated[Any, "`all`, `none`, or so many of the last turns."]
    longest_request_tokens: Annotated[
        int | None, "Prompt and answer of the longest known request; null: only the lengths are known."
    ]
    slo: dict[str, Usd]
    goodput: GoodputDocument | None
    quality: QualityDocument
    confidence: Annotated[Probability, "Least probability that all limits are kept at once."]
    objective: Objective
    gpu_count: GpuCount
    price_list: str | None
    api_price: ApiPriceDocument | None
    utilization: Annotated[
        float | None,
        rule(exclusiveMinimum=0, maximum=1),
        "Mean traffic over a day ÷ the load above; null: not stated.",
    ]
    engine: Annotated[
        Any, "Release of vLLM, or settings that differ from its own; null: the default release."
    ]


class DeploymentDocument(TypedDict):
    model: str
    format: str
    kv_format: KvFormat
    gpu: Annotated[str, "Name of the GPU in the catalog."]
    gpu_label: Annotated[str, "Short name of the GPU: H100 for H100-SXM."]
    num_gpus: Annotated[CountFrom1, "GPUs in all: tensor_parallel × replicas."]
    tensor_parallel: CountFrom1
    replicas: CountFrom1
    engine: str


class TightestLimitDocument(TypedDict):
    limit: str
    probability: Probability


class OfferDocument(TypedDict):
    deployment: DeploymentDocument
    usd_per_hour: MaybeUsd
    usd_per_month: Annotated[MaybeUsd, "Cost of 730 hours; null: no price is known."]
    keeps_all_limits: Probability
    tightest_limit: Annotated[
        TightestLimitDocument | None,
        "The limit that is kept with the least probability; null without limits.",
    ]


class PickDocument(OfferDocument):
    role: Role


class RefusalDocument(TypedDict):
    kind: RefusalKind
    limit: str
    finding: str
    excess: Annotated[
        float | None,
        FROM_0,
        "Share by which the value that holds with the confidence asked for misses the limit; null = no "
        "matter of degree.",
    ]
    probability: Annotated[
        Probability, "Probability that this limit is kept, whatever becomes of the others."
    ]
    likely_kept: Annotated[bool, "The expected value keeps the limit, but not with the confidence asked for."]


class CostDocument(TypedDict):
    usd_per_hour: Usd
    usd_per_gpu_hour: Usd
    gpus_paid_for: Annotated[CountFrom1, "Those of whole machines, where GPUs are not sold singly."]
    machine: str | None
    region: str | None
    provider: str
    term: str
    date: str | None
    days_old: Annotated[int | None, "Age of the price, days; over 60 is old. null: it has no date."]
    source: str


class MemoryDocument(TypedDict):
    weight_bytes: Bytes
    overhead_bytes: Bytes
    kv_bytes: float
    kv_low_bytes: Annotated[float, "Lower end of the 90 % interval of kv_bytes; negative: it may not fit."]
    kv_high_bytes: Annotated[float, "Upper end of the 90 % interval of kv_bytes."]
    usable_bytes: Bytes
    max_context: Count
    max_concurrency: Count


class BoundDocument(TypedDict):
    prefill: Bottleneck | None
    decode: Bottleneck | None


class TimeDocument(TypedDict):
    prompt: dict[Bottleneck, Annotated[float, FROM_0]]
    decode_step: dict[Bottleneck, Annotated[float, FROM_0]]


class CheckpointDocument(TypedDict):
    repo: str | None
    base_repo: str | None
    packaging: str
    scheme: str
    group_size: int | None
    kv_scales: Literal["fp8"] | None
    maker: str | None
    algorithm: str | None
    evidence: Evidence
    kind_by_name: Annotated[bool, "True: packaging or scheme follow from the name alone."]


class KernelsDocument(TypedDict):
    linear: str | None
    experts: str | None
    attention: str | None
    runs: ExecutionKind | None
    dtype: Dtype
    expert_parallel: bool
    source: str | None


class CommandsDocument(TypedDict):
    checkpoint: str
    published: bool
    serve: str
    recipe: Annotated[str | None, "llm-compressor's recipe, YAML; null when a checkpoint is published."]


class OtherEngineDocument(TypedDict):
    """A latency that was measured."""

    latency: Annotated[str, "As in `estimates`."]
    value: Annotated[float, ABOVE_0]
    engine: str


class JudgedDocument(TypedDict):
    """A deployment with all that is expected of it, without the limits that it misses."""

    deployment: DeploymentDocument
    keeps_all_limits: Annotated[Probability, "Probability that all limits are kept at once."]
    usd_per_hour: Annotated[MaybeUsd, "Cost of all GPUs; null: no price is known."]
    status: Annotated[
        Status,
        "backlogged: overloaded; more requests per second arrive than it can serve, the queue grows without "
        "bound, and there are no latencies. saturated: requests wait for a place in the batch.",
    ]
    estimates: Annotated[
        dict[str, EstimateDocument],
        "Latencies `<metric>_<statistic>_ms`: the means, and the percentiles that limits are on.",
        rule(
            required=(
                *("requests_per_s", "output_tokens_per_s", "capacity_requests_per_s", "goodput_share"),
                *("usd_per_million_output_tokens", "usd_per_thousand_queries", "recovery"),
            )
        ),
    ]
    cost: CostDocument | None
    memory: Annotated[MemoryDocument, "Memory of one GPU."]
    bound_by: BoundDocument
    time_ms: Annotated[TimeDocument, "What one prompt, and one decode step, spends its time on."]
    mean_batch: Annotated[float | None, "Sequences in a decode step."]
    kv_use: Annotated[float | None, rule(minimum=0, maximum=1), "Share of the KV cache, averaged over time."]
    prefix_hits: Annotated[
        float | None,
        rule(minimum=0, maximum=1),
        "Share of prompt tokens that the prefix cache has if conversations stay with their replica; null: "
        "requests stand alone.",
    ]
    prefix_hits_spread: Annotated[
        float | None, rule(minimum=0, maximum=1), "The share if each turn went to any of the replicas."
    ]
    turn_ttft_ms: Annotated[
        TurnTtftDocument, "Mean TTFT by turn; null: requests stand alone, or were not simulated."
    ]
    recovery_note: str | None
    nearest_evidence: str | None
    on_other_engines: Annotated[
        list[OtherEngineDocument],
        "What your own runs measured under this load on another release or with other settings.",
    ]
    checkpoint: Annotated[
        CheckpointDocument,
        "The weights that are served; evidence: what was read of them (named: only a list; own: the model's "
        "own repository; to be made: by the recipe).",
    ]
    kernels: Annotated[
        KernelsDocument, "The kernels that the figures assume, and where vLLM's choice was read."
    ]
    commands: CommandsDocument


class TurnTtftDocument(TypedDict):
    first: Annotated[EstimateDocument, "First turns, which find a system prompt in the cache at most."]
    later: Annotated[EstimateDocument, "All later turns."]


class AssessmentDocument(JudgedDocument):
    refusals: list[RefusalDocument]
