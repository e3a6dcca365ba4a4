"""What each tool takes, typed and described in the field's words; an agent reads these descriptions first."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from advisor.spec.parallelism import MAX_FLEET


def _no_truth(value: Any) -> Any:
    """Raises for `true`, which Python would count as 1."""
    if isinstance(value, bool):
        raise PydanticCustomError("number", "Input should be a number, not true or false")
    return value


_IsNumber = BeforeValidator(_no_truth)
Positive = Annotated[float, _IsNumber, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, _IsNumber, Field(ge=1, le=MAX_FLEET)]
Share = Annotated[float, _IsNumber] | Annotated[str, Field(max_length=40)]
"""`0.97`, `97` and `97 %` are the same; the profile's own reader checks it."""


class Inputs(BaseModel):
    """Base of all inputs: an unknown field is refused, so that no part of a question is ignored."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class WorkloadInputs(Inputs):
    """The requests, and the limits that must hold."""

    workload: str = Field(
        "chat", description="Profile of the requests: chat, rag, summarization, …; list_workloads has all."
    )
    input_tokens: str | None = Field(
        None, description="Prompt tokens in place of the profile's: '512', '512±128', '100-300'."
    )
    output_tokens: str | None = Field(None, description="Answer tokens, written like input_tokens.")
    request_rate: Positive | Annotated[str, Field(max_length=40)] | None = Field(
        None,
        description="Requests that arrive, every turn counted (open loop): 4 (per second), '300/min', "
        "'10k/day'. Give at most one kind of load.",
    )
    concurrency: Count | None = Field(
        None, description="Users with one request at a time (closed loop): in flight unless they think."
    )
    single: bool = Field(False, description="One request at a time.")
    maximum: bool = Field(False, description="All requests queued at once: maximum throughput.")
    turns: str | None = Field(
        None,
        description="Turns of a conversation: '4', '2-8', '{kind: geometric, mean: 4}'; input_tokens is then "
        "the new prompt of a turn.",
        max_length=300,
    )
    think_time_s: str | None = Field(
        None,
        description="Seconds between an answer and the next prompt: '30', '10-60', "
        "'{kind: exponential, mean: 30}'.",
        max_length=300,
    )
    system_tokens: Annotated[int, _IsNumber, Field(ge=0, le=100_000_000)] | None = Field(
        None, description="Tokens that every prompt begins with."
    )
    history: str | None = Field(
        None, description="Earlier turns that a prompt repeats: 'all', 'none' or a number.", max_length=20
    )
    limits: list[str] = Field(
        default_factory=list,
        description="Latency limits in ms such as 'ttft_p95_ms=500', 'tpot_mean_ms=40'; ['none'] drops all.",
        max_length=32,
    )
    prefix_hit_rate: Share | None = Field(
        None,
        description="Share of prompt tokens found in the prefix cache: 0.5 or '50%'; default: the profile's.",
    )
    min_recovery: Share | None = Field(
        None, description="Least share of the 16-bit model's accuracy to keep: 0.98 or '98%'."
    )
    confidence: Share | None = Field(
        None,
        description="Least probability that all limits are kept at once: 0.95 or '95%'; default: the "
        "profile's, else 0.8.",
    )


class ModelInputs(WorkloadInputs):
    """A model under a workload."""

    model: str = Field(
        description="Model: a catalog name (list_models), a Hugging Face id, or a size: '13B', '284B-A13B' "
        "(all and active weights of a mixture of experts).",
        max_length=300,
    )
    engine: str | None = Field(None, description="vLLM release such as 'vllm 0.11.0'; default: the newest.")
    prices: dict[str, Positive] | None = Field(
        None, description="USD per GPU-hour by GPU, in place of the catalog's: {'H100': 2.5}."
    )
    pricing: (
        Literal["on-demand", "marketplace", "spot", "1yr", "3yr", "ownership", "live", "live-spot"] | None
    ) = Field(
        None,
        description="Which known prices; live and live-spot: many clouds', as `quantadvise prices update` "
        "fetched them last (nothing is fetched here). Default: on-demand.",
    )
    region: str | None = Field(
        None, description="Of live prices those in regions with this in their name.", max_length=100
    )


class ChoiceInputs(ModelInputs):
    """What may be deployed."""

    gpus: list[str] | None = Field(
        None, description="GPUs to choose from (list_gpus); default: every GPU that is known.", max_length=100
    )
    formats: list[str] | None = Field(
        None, description="Formats: bf16, fp8, int8, int4, nvfp4, …; default: all that the model has.",
        max_length=50,
    )  # fmt: skip
    max_gpus: Count | None = Field(None, description="Most GPUs of all replicas together.")
    num_gpus: Count | None = Field(None, description="Exactly this number of GPUs.")
    max_usd_per_hour: Positive | None = Field(None, description="Budget in USD per hour.")
    objective: Literal["cost", "latency", "throughput", "accuracy"] | None = Field(
        None, description="What ranks the deployments that keep all limits; default: the profile's."
    )
    top: Annotated[int, _IsNumber, Field(ge=1, le=100)] = Field(
        5, description="Ranked deployments to return."
    )


class RecommendInputs(ChoiceInputs):
    """What may be deployed, at which prices, and what a hosted API would cost instead."""

    allow_mixed: bool = Field(
        False,
        description="Also look for a fleet of two or more kinds of GPU that share the load; 'mixed' then has "
        "it beside the best single kind, with USD per hour, probability and router weights.",
    )
    owned_gpus: dict[str, Count] | None = Field(
        None, description="Most GPUs that there are of each kind: {'A100': 4, 'L40S': 8}."
    )
    api_price: str | None = Field(
        None,
        description="Hosted API's price, USD per million prompt/answer tokens: '0.20/0.60' (with cached "
        "prompt tokens '0.20/0.02/0.60'). decision.own_or_api then has the traffic (requests/s, per day, per "
        "month) from which on own GPUs cost less.",
    )
    utilization: Share | None = Field(
        None,
        description="Mean traffic over a day as a share of the load asked for, which the GPUs are sized "
        "for: 0.4 or '40%'.",
    )


class DeploymentInputs(ModelInputs):
    """One deployment."""

    gpu: str = Field(description="GPU, such as 'H100', or '2xH100' for tensor_parallel 2.", max_length=100)
    format: str | None = Field(
        None, description="Format: bf16, fp8, int8, int4, nvfp4, …; default: the one the model ships in."
    )
    tensor_parallel: Count = Field(1, description="GPUs that one replica is split over.")
    replicas: Count = Field(1, description="Equal servers that share the load.")
    kv_cache_dtype: Literal["auto", "fp8"] = Field("auto", description="auto: 16 bits; fp8: 8 bits.")


class CrossoverInputs(ChoiceInputs):
    """A choice along one axis of the load."""

    over: Literal["concurrency", "rate", "input-tokens", "output-tokens"] = Field(
        description="What varies: requests in flight, requests per second, prompt or answer tokens."
    )
    low: Positive | None = Field(None, description="Least value of it.")
    high: Positive | None = Field(None, description="Greatest value of it.")


class CompareInputs(ModelInputs):
    """Two deployments side by side."""

    first: str = Field(description="Deployment as FORMAT@GPU: 'fp8@H100', 'int4@2xL40S*2' (2 replicas).")
    second: str = Field(description="The deployment to compare with, written alike.")


class ListInputs(Inputs):
    """A catalog, or the part of it whose names contain a text."""

    contains: str = Field("", description="Only names that contain this text.", max_length=100)
