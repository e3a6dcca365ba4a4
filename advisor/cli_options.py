"""Options that several commands share: one name, one meaning, one help text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from advisor.errors import InputError

if TYPE_CHECKING:
    from advisor.spec.deployment import KvFormat
    from advisor.spec.engine import Engine
    from advisor.spec.model import ModelSpec
    from advisor.spec.workload import Workload


class Output(str, Enum):
    """How an answer is printed."""

    table = "table"
    json = "json"
    yaml = "yaml"
    csv = "csv"


_WORKLOAD = "Workload"
_LIMITS = "Limits and aim"
_PRICES = "Prices"
_ENGINE = "Engine"

ModelArgument = Annotated[
    str | None,
    typer.Argument(metavar="MODEL", help="Model: a name, a Hub id, a folder or config.json."),
]
ModelOption = Annotated[
    str | None, typer.Option("--model", "-m", metavar="MODEL", help="The same as an option.")
]
ParamsOption = Annotated[
    str | None,
    typer.Option("--params", metavar="SIZE", help="In place of a model: a typical one of this size (8B)."),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How the answer is printed.")]

WorkloadOption = Annotated[
    str | None,
    typer.Option(
        "--workload",
        "--profile",
        "-w",
        metavar="NAME|FILE",
        help="A profile (quantadvise profiles list) or one's own YAML.",
        rich_help_panel=_WORKLOAD,
    ),
]
ScenarioOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="Laid over the workload: synchronous, asynchronous (the seed paper's conventions).",
        rich_help_panel=_WORKLOAD,
    ),
]
InputTokensOption = Annotated[
    str | None,
    typer.Option(
        metavar="N",
        help="Prompt tokens: 512, 512±128 (lognormal), 100-300 (uniform).",
        rich_help_panel=_WORKLOAD,
    ),
]
OutputTokensOption = Annotated[
    str | None, typer.Option(metavar="N", help="Answer tokens, alike.", rich_help_panel=_WORKLOAD)
]
SingleOption = Annotated[
    bool, typer.Option("--single", help="One request at a time.", rich_help_panel=_WORKLOAD)
]
ConcurrencyOption = Annotated[
    str | None,
    typer.Option(
        "--concurrency",
        "--max-concurrency",
        metavar="N|max",
        help="Closed loop: so many requests in flight; max = all queued at once.",
        rich_help_panel=_WORKLOAD,
    ),
]
RateOption = Annotated[
    float | None,
    typer.Option(
        "--rate",
        "--request-rate",
        metavar="R",
        help="Open loop: requests per second.",
        rich_help_panel=_WORKLOAD,
    ),
]
BurstinessOption = Annotated[
    float | None,
    typer.Option(
        metavar="B",
        help="Of the gaps between requests, as vLLM bench: 1 = Poisson, less = burstier.",
        rich_help_panel=_WORKLOAD,
    ),
]
PrefixHitRateOption = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE", help="Share of prompt tokens found in the prefix cache.", rich_help_panel=_WORKLOAD
    ),
]
SloOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LIMIT",
        help="A limit on the distribution: ttft_p95_ms=500, 'p99_tpot_ms<=50'; none drops all.",
        rich_help_panel=_LIMITS,
    ),
]
GoodputOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY:MS",
        help="Limits each request must keep, as vLLM's: 'ttft:500 tpot:50 e2el:5000'.",
        rich_help_panel=_LIMITS,
    ),
]
MinShareOption = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE", help="Share of requests that must keep --goodput.", rich_help_panel=_LIMITS
    ),
]
MinRecoveryOption = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE", help="Least share of BF16's accuracy to keep: 0.99.", rich_help_panel=_LIMITS
    ),
]
TasksOption = Annotated[
    str | None,
    typer.Option(
        metavar="A,B",
        help="Benchmarks or families that accuracy is judged on: code,reasoning.",
        rich_help_panel=_LIMITS,
    ),
]
PriceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--price",
        "--custom-gpu-cost",
        metavar="GPU=USD",
        help="Your price of one GPU for an hour: H100=2.5.",
        rich_help_panel=_PRICES,
    ),
]
PricingOption = Annotated[
    str | None,
    typer.Option(
        "--pricing",
        "--pricing-model",
        metavar="TERM",
        help="Term of known prices: on-demand, spot, …",
        rich_help_panel=_PRICES,
    ),
]
PriceListOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="A named list of prices: paper-2024-10.", rich_help_panel=_PRICES),
]
EngineOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="vllm 0.11.0; the newest known by default.", rich_help_panel=_ENGINE),
]
MaxNumSeqsOption = Annotated[
    int | None, typer.Option(metavar="N", help="As vLLM's.", rich_help_panel=_ENGINE)
]
MaxNumBatchedTokensOption = Annotated[
    int | None, typer.Option(metavar="N", help="As vLLM's.", rich_help_panel=_ENGINE)
]
GpuMemoryUtilizationOption = Annotated[
    float | None, typer.Option(metavar="SHARE", help="As vLLM's.", rich_help_panel=_ENGINE)
]
KvCacheDtypeOption = Annotated[
    str | None,
    typer.Option(
        metavar="auto|fp8|any",
        help="auto = 16 bits, fp8, any = both are tried.",
        rich_help_panel=_ENGINE,
    ),
]
RecordsOption = Annotated[
    list[str] | None,
    typer.Option(metavar="DIR", help="Your own measurements; added to those that ship."),
]


def the_model(argument: str | None, option: str | None, params: str | None) -> ModelSpec:
    """The one model that the three ways to name it agree on."""
    from advisor.spec.models import find_model, parse_params, typical_model

    said = [text for text in (argument, option, params) if text is not None]
    if len(said) > 1:
        raise InputError("model: named more than once; give a name, --model or --params")
    if params is not None:
        return typical_model(parse_params(params))
    if not said:
        raise InputError("model: none named; give a name (quantadvise models lists them) or --params 8B")
    return find_model(said[0])


def the_workload(
    name: str | None,
    *,
    concurrency: str | None,
    goodput: Sequence[str] | None,
    slo: Sequence[str] | None,
    tasks: str | None,
    **flags: Any,
) -> Workload:
    """The named profile with what the flags say in its place, or a workload of flags alone."""
    from advisor.spec.profile import load_workload
    from advisor.spec.profile_flags import override, workload_from_flags

    flags |= _arrival(concurrency)
    flags |= {
        "slo": list(slo or ()),
        "goodput": " ".join(goodput) if goodput else None,
        "tasks": split(tasks) if tasks is not None else None,
    }
    if name is None:
        return workload_from_flags(**flags)
    return override(load_workload(name), **flags)


def _arrival(concurrency: str | None) -> dict[str, Any]:
    if concurrency is None:
        return {}
    if concurrency.strip().lower() in ("max", "maximum"):
        return {"maximum": True}
    try:
        return {"concurrency": float(concurrency)}
    except ValueError as error:
        raise InputError(
            f"--concurrency: '{concurrency}' is no number; give a whole number or max"
        ) from error


def the_engine(
    text: str | None,
    *,
    max_num_seqs: int | None,
    max_num_batched_tokens: int | None,
    gpu_memory_utilization: float | None,
) -> Engine:
    """The engine with its settings."""
    from dataclasses import replace

    from advisor.spec.engine import Engine, newest_version, parse_engine

    engine = Engine(version=newest_version()) if text is None else parse_engine(text)
    for flag, count in (
        ("--max-num-seqs", max_num_seqs),
        ("--max-num-batched-tokens", max_num_batched_tokens),
    ):
        if count is not None and not 1 <= count <= 10_000_000:
            raise InputError(f"{flag}: {count} is not between 1 and 10,000,000")
    share = gpu_memory_utilization
    if share is not None and not 0 < share <= 1:
        raise InputError(f"--gpu-memory-utilization: {share} is not above 0 and up to 1")
    return replace(
        engine,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
        gpu_memory_utilization=share,
    )


def kv_formats(dtype: str | None) -> tuple[KvFormat, ...] | None:
    """The KV types that `--kv-cache-dtype` allows; None = the command's own default."""
    known: dict[str, tuple[KvFormat, ...]] = {
        "auto": ("16bit",),
        "16bit": ("16bit",),
        "bfloat16": ("16bit",),
        "fp8": ("fp8",),
        "fp8_e4m3": ("fp8",),
        "any": ("16bit", "fp8"),
    }
    if dtype is None:
        return None
    if dtype.lower() not in known:
        raise InputError(f"--kv-cache-dtype: unknown value '{dtype}'; known: auto, fp8, any")
    return known[dtype.lower()]


def own_prices(texts: Iterable[str] | None) -> dict[str, float]:
    """USD per GPU-hour by GPU name, of `H100=2.5` or `H100:2.5`."""
    from advisor.spec.prices import parse_prices

    return parse_prices(split_all(texts))


def split(text: str) -> list[str]:
    """The parts between commas, without blanks and empty ones."""
    return [part.strip() for part in text.split(",") if part.strip()]


def split_all(texts: Iterable[str] | None) -> list[str]:
    return [part for text in texts or () for part in split(text)]
