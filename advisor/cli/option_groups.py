"""Groups of options that several commands take: a command names the group, and takes all that is in it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

from advisor.cli import engine_options as e
from advisor.cli import options as o
from advisor.cli.streams import notes_with_answer

ImageTokensOption = Annotated[
    str | None,
    typer.Option(
        metavar="N",
        help="Prompt tokens of a request's images, beside --input-tokens; the encoder's time is not counted.",
        rich_help_panel="Workload",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The model, in one of three ways."""

    model: o.ModelArgument = None
    model_option: o.ModelOption = None
    params: o.ParamsOption = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked of the model."""

    workload: o.WorkloadOption = None
    scenario: o.ScenarioOption = None
    input_tokens: o.InputTokensOption = None
    output_tokens: o.OutputTokensOption = None
    single: o.SingleOption = False
    concurrency: o.ConcurrencyOption = None
    rate: o.RateOption = None
    burstiness: o.BurstinessOption = None
    prefix_hit_rate: o.PrefixHitRateOption = None
    turns: o.TurnsOption = None
    think_time_s: o.ThinkTimeOption = None
    system_tokens: o.SystemTokensOption = None
    history: o.HistoryOption = None
    image_tokens: ImageTokensOption = None
    context: o.ContextOption = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What must hold."""

    slo: o.SloOption = None
    goodput: o.GoodputOption = None
    min_share: o.MinShareOption = None
    min_recovery: o.MinRecoveryOption = None
    confidence: o.ConfidenceOption = None
    tasks: o.TasksOption = None
    recipe: o.RecipeOption = None
    latency: o.LatencyOption = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a GPU costs."""

    price: o.PriceOption = None
    pricing: o.PricingOption = None
    region: o.RegionOption = None
    price_list: o.PriceListOption = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedApi:
    """What an API would cost instead."""

    api_price: o.ApiPriceOption = None
    utilization: o.UtilizationOption = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The engine and its settings."""

    engine: e.EngineOption = None
    max_num_seqs: e.MaxNumSeqsOption = None
    max_num_batched_tokens: e.MaxNumBatchedTokensOption = None
    gpu_memory_utilization: e.GpuMemoryUtilizationOption = None
    prefix_caching: e.PrefixCachingOption = None
    async_scheduling: e.AsyncSchedulingOption = None
    enforce_eager: e.EnforceEagerOption = None
    compilation: e.CompilationOption = None
    allreduce_fusion: e.AllreduceFusionOption = None
    stream_interval: e.StreamIntervalOption = None
    ignore_engine_version: e.IgnoreEngineVersionOption = False
    speculative: e.SpeculativeOption = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """All that `recommend`, `crossover` and `measure-next` choose from and by."""

    gpu: o.GpuChoiceOption = None
    formats: o.FormatsOption = None
    max_gpus: o.MaxGpusOption = None
    nodes: o.NodesOption = None
    num_gpus: o.NumGpusOption = None
    tensor_parallel: o.TensorParallelChoiceOption = None
    kv_cache_dtype: e.KvCacheDtypeOption = None
    asked: Asked
    objective: o.ObjectiveOption = None
    limits: Limits
    max_cost_per_hour: o.MaxCostPerHourOption = None
    gpu_count: o.GpuCountOption = None
    prices: Prices
    served: Served
    records: o.RecordsOption = None


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer takes it: each group among its parameters, which are by name alone, is what is in
    it, in that order."""
    hints = {name: hint for name, hint in _hints(command).items() if name != "return"}
    defaults = inspect.signature(command).parameters
    flat = [
        parameter for name, hint in hints.items() for parameter in _flat(name, hint, defaults[name].default)
    ]

    @wraps(command)
    def taken(**given: Any) -> None:
        with notes_with_answer():
            command(**{name: _made(name, hint, given) for name, hint in hints.items()})

    taken.__signature__ = inspect.Signature(flat)  # type: ignore[attr-defined]
    taken.__annotations__ = {parameter.name: parameter.annotation for parameter in flat} | {"return": None}
    return taken


def _flat(name: str, hint: Any, default: Any) -> Iterator[inspect.Parameter]:
    if not is_dataclass(hint):
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)
        return
    inner = _hints(hint)
    for field in fields(hint):
        own = inspect.Parameter.empty if field.default is MISSING else field.default
        yield from _flat(field.name, inner[field.name], own)


def _made(name: str, hint: Any, given: Mapping[str, Any]) -> Any:
    if not is_dataclass(hint):
        return given[name]
    inner = _hints(hint)
    made: Any = hint
    return made(**{field.name: _made(field.name, inner[field.name], given) for field in fields(hint)})


def _hints(of: Any) -> dict[str, Any]:
    return get_type_hints(of, include_extras=True)
