"""Choice: what a recommendation may choose from and by what, all of it resolved to values."""

from __future__ import annotations

from dataclasses import dataclass

from advisor.advise.choose import candidate_deployments as search
from advisor.advise.choose.deployment_cost import PriceOf
from advisor.advise.choose.limits import timed_limits
from advisor.advise.choose.recorded_failures import Border
from advisor.errors import InputError
from advisor.spec.formats.format import QuantFormat
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.models.model import ModelSpec
from advisor.spec.workloads.workload import Workload

MEANS = (("ttft", "mean"), ("tpot", "mean"), ("e2e", "mean"))
"""Latencies that every answer shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a recommendation may choose from and by what; all of it resolved to values."""

    space: search.Space
    workload: Workload
    price_of: PriceOf
    max_usd_per_hour: float | None = None
    pricing: str = "on-demand"
    """The term that `price_of` is of: `1yr`, `spot` …"""
    budget: str = ""
    """The budget as it was typed: `100/month`; empty where it was no text."""
    every_gpu: tuple[GpuSpec, ...] = ()
    every_format: tuple[QuantFormat, ...] = ()
    """Where to look for a deployment that would hold a model that fits nowhere in `space`."""
    notes: tuple[str, ...] = ()
    border: Border = Border()
    """Where runs were seen to fail."""


def statistics_of(workload: Workload) -> tuple[tuple[str, str], ...]:
    """The latencies to predict: the means that every answer shows, and what the limits are on."""
    limits = ((timed.limit.metric, timed.limit.statistic) for timed in timed_limits(workload))
    return tuple(dict.fromkeys((*MEANS, *limits)))


def check_context(model: ModelSpec, workload: Workload) -> None:
    load, longest = workload.load, workload.load.longest_context
    if longest <= model.max_context:
        return
    if load.conversation.repeats:
        raise InputError(
            f"{workload.name}: the longest conversation has {longest:,} tokens, more than the "
            f"{model.max_context:,} of {model.name}; let prompts repeat fewer turns (--history), state fewer "
            "--turns, or choose a model with a longer context"
        )
    raise InputError(
        f"{workload.name}: a request of {load.input_tokens.longest:,} input + "
        f"{load.output_tokens.longest:,} output tokens is longer than the {model.max_context:,} tokens "
        f"of {model.name}; shorten it or choose a model with a longer context"
    )


def fills_gpus(choice: Choice) -> bool:
    """Whether there are as many replicas as the GPUs hold, or the budget pays for, and not as many as the
    limits need: of an exact number of GPUs, and where throughput is the aim and something bounds it."""
    if choice.workload.gpu_count != "free":
        return False
    return choice.space.num_gpus is not None or (_aims_at_throughput(choice) and _is_bounded(choice))


def lacks_bound(choice: Choice) -> bool:
    """Whether throughput is the aim and nothing says of how many GPUs."""
    is_free = choice.workload.gpu_count == "free" and choice.space.num_gpus is None
    return is_free and _aims_at_throughput(choice) and not _is_bounded(choice)


def _aims_at_throughput(choice: Choice) -> bool:
    """A lone request is served by one replica, whatever the aim."""
    workload = choice.workload
    return workload.objective == "throughput" and workload.load.arrival.kind != "single"


def _is_bounded(choice: Choice) -> bool:
    return choice.space.is_bounded or choice.max_usd_per_hour is not None


def fixes_replicas(choice: Choice) -> bool:
    """Whether the number of replicas follows from the number of GPUs, by a convention or as they fill it."""
    return choice.workload.gpu_count != "free" or fills_gpus(choice)


def searches_replicas(choice: Choice) -> bool:
    """Whether the number of replicas is chosen by what they are expected to serve."""
    return not fixes_replicas(choice) and choice.workload.load.arrival.kind in ("rate", "concurrency")
