"""What was expected of a run: its time and disk before, and how far the predictions were off after."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.errors import QuantAdviseError
from advisor.measure.tools.machine import CPU

if TYPE_CHECKING:
    from advisor.cost.predict.prediction_table import PredictionTable, Range
    from advisor.cost.predict.predictor import Predictor
    from advisor.measure.ledger_to_records import Records
    from advisor.measure.plan_and_results_as_text import Part
    from advisor.measure.plan_to_jobs import Prepared
    from advisor.measure.steps.bench import Point
    from advisor.record.measurement import SpeedMeasurement
    from advisor.spec.benchmark_run import BenchmarkRun
    from advisor.spec.deployment import Deployment
    from advisor.spec.hardware.gpu import GpuSpec


ON_A_CPU = (
    "no measurement on a CPU is known here; for a plan of a GPU elsewhere name it (--gpu H100), or time this "
    "CPU: quantadvise calibrate writes gpu.yaml, which --gpu-file takes"
)
MISSED = "missed"
COMPARED = ("mean", "p95")
"""Statistics of a latency that are set beside their prediction."""


class Expectation:
    """Predictions for a prepared run, by the fit that ships unless another is given; `why_not` says why there
    are none."""

    def __init__(self, prepared: Prepared, gpu_file: str | None, predictor: Predictor | None = None) -> None:
        from advisor.spec.hardware.gpu_by_name import find_gpu
        from advisor.spec.models.catalog import find_model

        self.prepared = prepared
        self.why_not = ""
        self.gpu_name = gpu_file or prepared.devices[0].name
        self._cache: dict[tuple[object, ...], PredictionTable | None] = {}
        if self.gpu_name == CPU:
            self.why_not = ON_A_CPU
            return
        try:
            from advisor.cost.predict.predictor import Predictor

            self.model = find_model(prepared.plan.model)
            self.gpu: GpuSpec = find_gpu(self.gpu_name)
            self.predictor = predictor or Predictor.shipped()
        except QuantAdviseError as error:
            self.why_not = str(error)

    def deployment(self, format: str, tensor_parallel: int) -> Deployment:
        """What a session serves, in the cost model's terms."""
        from advisor.measure.engine_of_run import served_engine
        from advisor.spec.deployment import Deployment
        from advisor.spec.formats.catalog import find_format

        run = self.prepared
        return Deployment(
            model=self.model,
            format=find_format(format),
            gpu=self.gpu,
            tensor_parallel=tensor_parallel,
            kv_format="fp8" if self.prepared.plan.kv_fp8 else "16bit",
            engine=served_engine(run.plan, run.running, run.versions.vllm),
        )

    def of(
        self, format: str, tensor_parallel: int, run: BenchmarkRun, tokens: tuple[float, float] | None = None
    ) -> PredictionTable | None:
        """What a run of `tokens` (means of prompt and answer; the workload's by default) is expected to show.

        None where there is no prediction.
        """
        from advisor.cost.predict.predictor import MEANS
        from advisor.cost.serving.load_table import run_table

        load = self.prepared.workload.load
        means = tokens or (load.input_tokens.mean, load.output_tokens.mean)
        key = (format, tensor_parallel, run, means)
        if self.why_not:
            return None
        if key not in self._cache:
            try:
                deployments = [self.deployment(format, tensor_parallel)]
                loads = run_table(
                    run,
                    deployments,
                    input_tokens=means[0],
                    output_tokens=means[1],
                    prefix_hit_rate=load.prefix_hit_rate,
                )
                tails = [(metric, one) for metric, _ in MEANS for one in COMPARED if one != "mean"]
                limits = [(limit.metric, limit.statistic) for limit in self.prepared.workload.limits]
                self._cache[key] = self.predictor.table(
                    deployments, loads, tuple(dict.fromkeys([*MEANS, *tails, *limits]))
                )
            except (QuantAdviseError, ValueError):
                self._cache[key] = None
        return self._cache[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One figure of a run beside its prediction, in the figure's own unit."""

    format: str
    num_gpus: int
    point: Point
    figure: str
    """`TTFT p95, ms`."""
    measured: float
    value: float
    low: float
    high: float
    """Ends of the 90 % interval."""
    basis: str

    @property
    def what(self) -> tuple[str, int, str, str]:
        """Which figure of which deployment at which load."""
        return (self.format, self.num_gpus, str(self.point), self.figure)

    @property
    def missed(self) -> bool:
        """Whether it lies outside the interval."""
        return not self.low <= self.measured <= self.high


def compared(
    prepared: Prepared, found: Records, expected: Expectation, statistics: Sequence[str] = COMPARED
) -> list[Compared]:
    """Every figure that there is a prediction of; none where `expected` says why there are none."""
    from advisor.measure.plan_and_results_as_text import ordered

    if expected.why_not:
        return []
    rows = [row for row in ordered(found.speed) if row.statistic in statistics]
    return [one for row in rows if (one := _compared(prepared, row, expected)) is not None]


def comparison(
    prepared: Prepared, found: Records, expected: Expectation, *, statistics: Sequence[str] = COMPARED
) -> tuple[Part, ...]:
    """Measured against predicted, point by point, and how many intervals missed; why there is none."""
    from advisor.measure.plan_and_results_as_text import Table

    if expected.why_not:
        return (f"no predictions to compare with: {expected.why_not}",)
    rows = compared(prepared, found, expected, statistics)
    if not rows:
        return ()
    missed = sum(row.missed for row in rows)
    head = ("format", "GPUs", "load", "figure", "measured", "predicted", "90 % interval", "basis", "")
    lines = tuple(
        (
            *(row.format, str(row.num_gpus), str(row.point), row.figure),
            *(f"{row.measured:.4g}", f"{row.value:.4g}", f"{row.low:.4g} to {row.high:.4g}"),
            *(row.basis, MISSED if row.missed else ""),
        )
        for row in rows
    )
    said = f"the 90 % interval missed {missed} of {len(rows)} figures"
    return (Table(head=head, rows=lines), said)


def misses(prepared: Prepared, found: Records, expected: Expectation) -> tuple[int, int]:
    """How many means lay outside the 90 % interval predicted for them, and how many were compared."""
    rows = compared(prepared, found, expected, ("mean",))
    return sum(row.missed for row in rows), len(rows)


def _compared(prepared: Prepared, row: SpeedMeasurement, expected: Expectation) -> Compared | None:
    from advisor.record.benchmark_run_of_row import run_of

    run = run_of(row)
    if row.suspect or point_of(run) not in prepared.plan.points:
        return None
    found = expected.of(row.format, row.num_gpus, run, (row.input_tokens, row.output_tokens))
    one = None if found is None else _figure(row, found)
    if found is None or one is None:
        return None
    value, low, high = (float(side[0]) for side in (one.value, one.low, one.high))
    if not math.isfinite(value):
        return None
    return Compared(
        format=row.format,
        num_gpus=row.num_gpus,
        point=point_of(run),
        figure=_figure_name(row),
        measured=row.value,
        value=value,
        low=low,
        high=high,
        basis=found.basis(0),
    )


def point_of(run: BenchmarkRun) -> Point:
    """The point of a plan that a run was made of."""
    from advisor.measure.steps.bench import Point

    if run.load == "maximum":
        return Point(kind="maximum")
    if run.load == "rate":
        return Point(kind="rate", value=run.level)
    return Point(kind="concurrency", value=run.level or 1.0)


def _figure(row: SpeedMeasurement, found: PredictionTable) -> Range | None:
    """The prediction of a row's metric; None for one that is not compared.

    The throughput of an open loop is its own rate of arrivals, whatever serves it.
    """
    if row.metric == "requests_per_s" and row.load != "rate":
        return found.requests_per_s
    metric = row.metric.removesuffix("_ms")
    return found.latency_ms.get((metric, row.statistic)) if metric in ("ttft", "tpot", "e2e") else None


def _figure_name(row: SpeedMeasurement) -> str:
    """`TTFT p95, ms`, `requests/s`."""
    if row.metric == "requests_per_s":
        return "requests/s"
    return f"{row.metric.removesuffix('_ms').upper()} {row.statistic}, ms"
