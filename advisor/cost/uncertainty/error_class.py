"""ErrorClass: the class of held-out errors that the interval of a prediction is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, cast, get_args

from advisor.spec.workloads.load_kind import LOAD_CLASSES, LoadClass

Metric = Literal["ttft", "tpot", "itl", "e2e", "throughput"]
METRICS: tuple[Metric, ...] = get_args(Metric)
Part = Literal["mean", "mean near capacity", "tail", "tail near capacity"]
"""mean: means and medians. tail: percentiles beyond the median. near capacity: the load needs so much of the
capacity that the queue depends on the last tenths of it (`serving_stats.crowded`); for TTFT only."""
LOADS = LOAD_CLASSES
Distance = Literal["seen", "model", "gpu"]
"""seen: the fit has this model, format and GPU together. model: it has the GPU and not the model. gpu: it has
nothing measured on the GPU with this generation of the engine."""
DISTANCES: tuple[Distance, ...] = get_args(Distance)

MEANS = ("mean", "p50")
"""Statistics that err as means do."""
TOKEN_RATE: tuple[Metric, ...] = ("tpot", "e2e", "throughput")
"""Under one load these three are one error: the speed at which tokens come."""


class EngineClass(NamedTuple):
    """Deployments whose predictions err alike; None stands for every generation, or for every model.

    A step of a mixture of experts depends on which experts its tokens choose, which no data sheet states:
    its errors are half as large again as a dense model's.
    """

    generation: str | None = None
    moe: bool | None = None
    fp4: bool | None = None
    """Whether the matrices run in FP4 kernels. Matters only for the ratio of two formats, of which one in FP4
    is known less well; None for a single prediction, in which that does not show."""

    @property
    def wider(self) -> EngineClass | None:
        """The next wider class: these models on all generations, then all models. FP4 is drawn towards the
        other kernels, which are known better, and not they towards it."""
        if self.generation is not None:
            return self._replace(generation=None)
        if self.moe is not None:
            return self._replace(moe=None)
        return EVERY_ENGINE._replace(fp4=False) if self.fp4 else None


EVERY_ENGINE = EngineClass()


class ErrorClass(NamedTuple):
    """Which held-out errors an interval is made of. Build it with `error_class`."""

    metric: Metric
    part: Part
    load: LoadClass
    engine: EngineClass
    distance: Distance

    def wider(self) -> Iterator[ErrorClass]:
        """This class, then the classes that it is drawn towards, nearest first."""
        here: ErrorClass | None = self
        while here is not None:
            yield here
            here = here.parent

    @property
    def parent(self) -> ErrorClass | None:
        """The class that this one is drawn towards where few groups have measured it."""
        wider = self.engine.wider
        if wider is not None:
            return self._replace(engine=wider)
        if self.part == "tail near capacity":
            return self._replace(part="tail")
        loaded = self.load in ("loaded", "batch")
        metric = "tpot" if self.metric == "itl" or (loaded and self.metric in TOKEN_RATE) else self.metric
        # A lone stream is a closed loop of one client. Its E2E latency is not: one harness timed nearly all.
        alone = self.load == "single" and metric in ("tpot", "ttft")
        above = self._replace(part="mean", metric=metric, load="loaded" if alone else self.load)
        return None if above == self else above

    def at(self, distance: Distance) -> ErrorClass:
        """The class of the same errors at another distance from the data."""
        return self._replace(distance=distance)


def error_class(
    metric: str,
    statistic: str,
    load: LoadClass,
    engine: EngineClass,
    distance: Distance = "seen",
    *,
    near_capacity: bool = False,
) -> ErrorClass:
    """The class of an error in `statistic` (mean, p50, p99 …) of a metric.

    A lone request's percentiles have the errors of its mean: what sources print there is the slowest of a
    few dozen requests. TTFT, which waits for queues and prompts, errs alike for all models.
    """
    named = cast(Metric, metric)
    is_mean = statistic in MEANS or load == "single"
    if named == "itl" and (statistic == "mean" or load == "single"):
        named = "tpot"
    if load in ("loaded", "batch") and named in TOKEN_RATE and is_mean:
        named = "tpot"
    if named == "ttft":
        engine = EVERY_ENGINE._replace(fp4=engine.fp4)
    crowded = near_capacity and named == "ttft" and load == "loaded"
    part: Part = "mean" if is_mean else "tail"
    if crowded:
        part = "mean near capacity" if is_mean else "tail near capacity"
    return ErrorClass(named, part, load, engine, distance)


def sign(metric: str, load: LoadClass) -> float:
    """−1 where an error of the class is that of `metric` upside down: a throughput too low is a TPOT too
    long. 1 otherwise."""
    return -1.0 if metric == "throughput" and load in ("loaded", "batch") else 1.0
