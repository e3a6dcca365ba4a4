"""Two deployments side by side: the difference of each figure, with what their errors share left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from advisor.advise.certainty.error_draws import errors_of
from advisor.advise.choose.candidate_deployments import Space
from advisor.advise.choose.choice import Choice, check_context, statistics_of
from advisor.advise.choose.deployment_evaluator import recoveries_of
from advisor.advise.choose.judge import judge_fixed
from advisor.advise.choose.recorded_failures import memory_text
from advisor.cost.array_table import Bools, Floats
from advisor.cost.predict.prediction import Prediction
from advisor.cost.predict.prediction_table import Range
from advisor.cost.predict.predictor import Z90
from advisor.cost.quality.checkpoint_of_recipe import made_as_named
from advisor.cost.uncertainty.error_distribution import error_of_score
from advisor.cost.uncertainty.joint_probability import RECOVERY, TOKEN_RATE, TTFT
from advisor.display_text import accuracy_text, deployment_text, latency_name, number, rate_text, start_text
from advisor.errors import InputError, NothingFitsError, UnsupportedError
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.model import ModelSpec
from advisor.spec.parallelism import MAX_FLEET
from advisor.spec.workloads.workload import Workload
from advisor.units import GB

if TYPE_CHECKING:
    from advisor.advise.choose.deployment_cost import PriceOf
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel

DRAWS = 4_096
CAPACITY, COST = "capacity", "USD per million output tokens"
_WRITTEN = re.compile(
    r"(?P<format>[^@+]+)(?:\+(?P<kv>fp8kv))?@(?:(?P<tp>[0-9]{1,9})x)?(?P<gpu>[^*]+?)(?:\*(?P<replicas>[0-9]{1,9}))?",
    re.I,
)
Basis = Literal["prediction", "repeats", "stderr", "scatter", "none"]
"""What significance rests on. prediction: the joint error of both predictions. repeats: the scatter of runs
repeated here. stderr: standard errors that the files state. scatter: one run each, so that of published
repeats. none: cannot be judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One figure of both, and how the second differs from the first."""

    name: str
    unit: str
    first: float | None
    """None where it has none, as an overloaded deployment has no latencies."""
    second: float | None
    change: float | None
    """Second ÷ first − 1; of a score, the difference in points. None where one of them has no such figure."""
    low: float | None
    high: float | None
    """Upper end of the 90 % interval; None where it is unknown."""
    basis: Basis
    is_share: bool = True

    @property
    def significant(self) -> bool | None:
        """Whether the interval leaves out no change at all; None where there is no interval."""
        if self.low is None or self.high is None:
            return None
        return not self.low <= 0.0 <= self.high


def parse_deployment(text: str, model: ModelSpec, engine: Engine, recipe: str | None = None) -> Deployment:
    """`fp8@H100`, `int4+fp8kv@2xA6000*3`: a format, its cache, GPUs per replica, replicas.

    `awq@H100` is INT4 from a checkpoint made by AWQ; `recipe` says by whom and how where the format does not.
    Raises InputError.
    """
    match = _WRITTEN.fullmatch(text.strip())
    if match is None:
        raise InputError(
            f"'{text}' is neither a file nor a deployment; write FORMAT@GPU, such as fp8@H100 or "
            "int4+fp8kv@2xA6000*3 (an FP8 cache, 2 GPUs a replica, 3 replicas)"
        )
    deployment = made_as_named(
        Deployment(
            model=model,
            format=find_format(match["format"]),
            gpu=find_gpu(match["gpu"]),
            tensor_parallel=_count(text, match["tp"]),
            replicas=_count(text, match["replicas"]),
            engine=engine,
        ),
        match["format"],
        recipe,
    ).with_kv("fp8" if match["kv"] else "auto")
    if (why := start_text(deployment)) is not None:
        raise UnsupportedError(why)
    if deployment.format.execution(deployment.gpu) is None:
        raise UnsupportedError(
            f"{deployment.format.name} on {deployment.gpu.name}: vLLM has no kernel for it; "
            "quantadvise formats lists what runs where"
        )
    return deployment


def _count(text: str, digits: str | None) -> int:
    count = 1 if digits is None else int(digits)
    if not 1 <= count <= MAX_FLEET:
        raise InputError(f"'{text}': {count} is not a number of GPUs or replicas; give 1 to {MAX_FLEET:,}")
    return count


def compare(
    first: Deployment,
    second: Deployment,
    workload: Workload,
    price_of: PriceOf,
    predictor: Predictor,
    quality: QualityModel | None = None,
) -> tuple[Difference, ...]:
    """Every figure that both have under `workload`; errors that they share cancel.

    Raises NothingFitsError where one of them does not hold the load at all.
    """
    check_context(first.model, workload)
    choice = Choice(
        space=Space(model=first.model, gpus=(first.gpu, second.gpu), formats=(first.format, second.format)),
        workload=workload,
        price_of=price_of,
    )
    at = np.array([0, 1])
    found = judge_fixed(choice, [workload.load], [first, second], predictor, quality, simulated=True)
    for deployment, possible in zip((first, second), found.possible[0], strict=True):
        if not possible:
            [held] = predictor.predictions([deployment], workload.load, statistics_of(workload))
            raise _does_not_hold(held, workload)
    shared = predictor.fit.shared
    errors = {cause: errors_of(found, 0, at, shared, cause, DRAWS) for cause in (TOKEN_RATE, TTFT, RECOVERY)}
    slow = errors[TOKEN_RATE]
    answers = found.answers
    rows = []
    for metric, statistic in statistics_of(workload):
        cause = TTFT if metric == "ttft" else TOKEN_RATE
        name = latency_name(metric, statistic)
        rows.append(_difference(name, "ms", answers.latency_ms[metric, statistic], errors[cause]))
    if workload.load.arrival.kind != "rate":
        rows.append(_difference("requests per second", "1/s", answers.requests_per_s, -slow))
    rows.append(_difference(CAPACITY, "requests/s", answers.capacity_requests_per_s, -slow))
    usd = np.where(
        _overloaded(workload, answers.capacity_requests_per_s.value), np.nan, found.usd_per_million.value[0]
    )
    served = answers.output_tokens_per_s
    cost = Range(value=usd, low=usd * served.value / served.high, high=usd * served.value / served.low)
    rows.append(_difference(COST, "USD", cost, slow))
    recovery = _recovery(first, second, workload, quality, errors[RECOVERY])
    return tuple(row for row in (*rows, recovery) if row is not None)


def _overloaded(workload: Workload, capacity: Floats) -> Bools:
    """Which are served more requests per second than they can answer: what they cost per token is then the
    cost at their own capacity, not at the load that is asked about."""
    arrival = workload.load.arrival
    asked = arrival.value if arrival.kind == "rate" else None
    return np.asarray(capacity < (0.0 if asked is None else asked))


def overload_notes(differences: Sequence[Difference], workload: Workload) -> tuple[str, ...]:
    """Which deployment does not keep up with the arrivals, and what has no figure for it."""
    [row] = (d for d in differences if d.name == CAPACITY)
    most = np.array([np.inf if one is None else one for one in (row.first, row.second)])
    over = _overloaded(workload, most)
    return tuple(
        f"{name} is overloaded: {rate_text(workload.load.arrival.value or 0.0)} arrive, at most "
        f"{number(served)} are served. Its queue, TTFT and E2E grow without bound, so it has no latencies; "
        "its cost per token would be that of a smaller load"
        for name, served in zip(np.array(["A", "B"])[over].tolist(), most[over].tolist(), strict=True)
    )


def _does_not_hold(prediction: Prediction, workload: Workload) -> NothingFitsError:
    """The error for a deployment that has no room for the load, with what it lacks."""
    memory, deployment = prediction.memory, prediction.deployment
    why = (
        f"its KV cache holds {memory.max_context:,} of the {workload.load.longest_context:,} tokens of the "
        "longest request"
        if memory.fits
        else f"of {memory.usable_bytes / GB:.3g} GB per GPU {memory_text(memory)}"
    )
    return NothingFitsError(
        f"{deployment_text(deployment)}: does not hold {deployment.model.name} and a request of this load: "
        f"{why}; give a replica more GPUs, a narrower format, or a GPU with more memory"
    )


def accuracy_notes(
    first: Deployment, second: Deployment, workload: Workload, quality: QualityModel | None
) -> tuple[str, ...]:
    """What the accuracy of each rests on: whose scores, of which checkpoint, and what it scored."""
    return tuple(
        f"accuracy of {name}: {'; '.join(part for part in (recovery.evidence, recovery.note) if part)}"
        for name, recovery in zip("AB", recoveries_of((first, second), workload, quality), strict=True)
        if recovery is not None
    )


def _difference(name: str, unit: str, of: Range, errors: Floats) -> Difference | None:
    """`errors`: positive makes the figure larger."""
    first, second = (float(one) if one > 0 and np.isfinite(one) else None for one in of.value[:2])
    if first is None and second is None:
        return None
    if first is None or second is None:
        return Difference(
            name=name, unit=unit, first=first, second=second, change=None, low=None, high=None, basis="none"
        )
    stretch = np.where(errors > 0, np.log(of.high / of.value), np.log(of.value / of.low))
    drawn = np.log(of.value) + stretch * error_of_score(errors) / Z90
    ratio = np.exp(drawn[:, 1] - drawn[:, 0]) - 1.0
    change = second / first - 1.0
    low, high = (float(q) for q in np.quantile(ratio, (0.05, 0.95)))
    return Difference(
        name=name,
        unit=unit,
        first=first,
        second=second,
        change=change,
        low=min(low, change),
        high=max(high, change),
        basis="prediction",
    )


def _recovery(
    first: Deployment,
    second: Deployment,
    workload: Workload,
    quality: QualityModel | None,
    errors: Floats,
) -> Difference | None:
    if quality is None:
        return None
    known = [
        None if recovery is None else recovery.true
        for recovery in recoveries_of((first, second), workload, quality)
    ]
    if known[0] is None or known[1] is None:
        return None
    drawn = [
        e.value - np.where(z > 0, e.value - e.low, e.high - e.value) * z / Z90
        for e, z in zip(known, errors.T, strict=True)
        if e is not None
    ]
    points = 100.0 * (drawn[1] - drawn[0])
    change = 100.0 * (known[1].value - known[0].value)
    low, high = (float(q) for q in np.quantile(points, (0.05, 0.95)))
    return Difference(
        name=f"recovery of {accuracy_text(first.model)}",
        unit="%",
        first=100.0 * known[0].value,
        second=100.0 * known[1].value,
        change=change,
        low=min(low, change),
        high=max(high, change),
        basis="prediction",
        is_share=False,
    )
