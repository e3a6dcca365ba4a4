"""What was expected of a run: its time and disk before, and how far the predictions were off after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from advisor.errors import QuantAdviseError
from advisor.units import BITS_PER_BYTE, GB

if TYPE_CHECKING:
    from advisor.cost.predict.prediction import Prediction
    from advisor.measure.records import Records
    from advisor.measure.run import Prepared
    from advisor.measure.steps.bench import Point
    from advisor.measure.steps.plan import Plan
    from advisor.record.measurement import SpeedMeasurement
    from advisor.spec.deployment import Deployment
    from advisor.spec.hardware.gpu import GpuSpec
    from advisor.spec.workloads.workload import Load

SERVER_START_S = 90.0
"""Our guess of what vLLM takes to load, compile and capture graphs; a large model takes more."""
BENCH_START_S = 15.0
"""`vllm bench serve` itself: its imports took 11 s on two CPU cores (vLLM 0.32)."""

QUANTIZE_START_S, QUANTIZE_SHARE = 60.0, 0.3
"""Our guess of what llm-compressor takes to load and save, and of the 16-bit peak that it reaches."""


class Expectation:
    """Predictions for a prepared run; `why_not` says why there are none."""

    def __init__(self, prepared: Prepared, gpu_file: str | None) -> None:
        from advisor.spec.hardware.gpus import find_gpu
        from advisor.spec.models.catalog import find_model

        self.prepared = prepared
        self.why_not = ""
        self.gpu_name = gpu_file or prepared.devices[0].name
        self._cache: dict[tuple[str, int, Point], Prediction | None] = {}
        try:
            from advisor.cost.predict.predictor import Predictor

            self.model = find_model(prepared.plan.model)
            self.gpu: GpuSpec = find_gpu(self.gpu_name)
            self.predictor = Predictor.shipped()
        except QuantAdviseError as error:
            self.why_not = str(error)

    def deployment(self, format: str, tensor_parallel: int) -> Deployment:
        """What a session serves, in the cost model's terms."""
        from advisor.spec.deployment import Deployment
        from advisor.spec.engines.engine import Engine
        from advisor.spec.formats.catalog import find_format

        plan = self.prepared.plan
        version = (self.prepared.versions.vllm or Engine().version).partition("+")[0]
        engine = Engine(
            version=version,
            max_num_seqs=plan.max_num_seqs,
            gpu_memory_utilization=plan.gpu_memory_utilization,
        )
        return Deployment(
            model=self.model,
            format=find_format(format),
            gpu=self.gpu,
            tensor_parallel=tensor_parallel,
            kv_format="fp8" if plan.kv_fp8 else "16bit",
            engine=engine,
        )

    def load(self, point: Point) -> Load:
        """The workload's lengths under a point's arrival."""
        from advisor.measure.records import load_of
        from advisor.spec.workloads.workload import Arrival

        kind, value = load_of(point)
        asked = self.prepared.workload.load
        if kind == "batch":
            raise ValueError("vllm bench serve knows no static batch")
        return replace(asked, arrival=Arrival(kind=kind, value=value))

    def of(self, format: str, tensor_parallel: int, point: Point) -> Prediction | None:
        """The prediction for one point; None where there is none."""
        key = (format, tensor_parallel, point)
        if self.why_not:
            return None
        if key not in self._cache:
            try:
                deployment = self.deployment(format, tensor_parallel)
                self._cache[key] = self.predictor.predictions([deployment], self.load(point))[0]
            except (QuantAdviseError, ValueError):
                self._cache[key] = None
        return self._cache[key]


def cost_lines(prepared: Prepared, expected: Expectation) -> Iterator[str]:
    """GPU time and disk, as far as the cost model and the model's size say."""
    disk = _disk_bytes(prepared, expected)
    if disk is not None:
        yield f"disk: about {disk / GB:.3g} GB for the checkpoints that are made"
    if expected.why_not:
        yield f"GPU time: no estimate ({expected.why_not})"
        return
    plan, unknown = prepared.plan, 0
    seconds = sum(_quantize_s(plan, expected, format) for format in plan.formats if plan.is_made(format))
    for format in plan.formats:
        for tensor_parallel in plan.tensor_parallel:
            seconds += SERVER_START_S * tensor_parallel
            for point in plan.points:
                found = expected.of(format, tensor_parallel, point)
                rate = None if found is None else found.requests_per_s
                if rate is None or rate.value <= 0:
                    unknown += 1
                    continue
                once = BENCH_START_S + plan.requests_at(point) / rate.value
                seconds += plan.repeats * once * tensor_parallel
    note = f"; {unknown} points have no prediction" if unknown else ""
    more = ", the tasks not counted" if plan.tasks else ""
    made = "making checkpoints and " if any(plan.is_made(format) for format in plan.formats) else ""
    yield f"GPU time: about {seconds / 60:.0f} GPU-minutes for {made}serving at the least repeats{more}{note}"


def _quantize_s(plan: Plan, expected: Expectation, format: str) -> float:
    """Making one checkpoint: starting, and the calibration data twice through the model, with as much again
    for what is learnt of each layer's inputs."""
    if not plan.recipe(format).needs_data:
        return QUANTIZE_START_S
    tokens = plan.calibration.samples * plan.calibration.length
    rate = expected.gpu.flop_per_s("bf16") or expected.gpu.flop_per_s("fp16")
    if rate is None:
        return QUANTIZE_START_S
    return QUANTIZE_START_S + 3 * 2 * expected.model.active_params * tokens / (QUANTIZE_SHARE * rate)


def _disk_bytes(prepared: Prepared, expected: Expectation) -> float | None:
    if expected.why_not and not hasattr(expected, "model"):
        return None
    from advisor.spec.formats.catalog import find_format

    made = [format for format in prepared.plan.formats if prepared.plan.is_made(format)]
    model = expected.model
    bits = sum(
        model.linear_params * find_format(format).bits_per_weight + 16 * model.kept_params for format in made
    )
    return bits / BITS_PER_BYTE if made else None


def comparison(prepared: Prepared, found: Records, expected: Expectation) -> str:
    """Seen against predicted, point by point, and how many intervals missed; empty without predictions."""
    from advisor.measure.show import table

    if expected.why_not:
        return f"no predictions to compare with: {expected.why_not}"
    lines = [line for row in found.speed if (line := _line(prepared, row, expected)) is not None]
    if not lines:
        return ""
    missed = sum(line[-1] == "missed" for line in lines)
    head = ("format", "GPUs", "load", "figure", "seen", "predicted", "90 % interval", "")
    return (
        table(head, lines)
        + f"\nthe interval missed {missed} of {len(lines)} figures; learn from these with: quantadvise fit"
    )


_FIELDS = {"ttft_ms": "ttft", "tpot_ms": "tpot", "e2e_ms": "e2e"}


def _line(prepared: Prepared, row: SpeedMeasurement, expected: Expectation) -> tuple[str, ...] | None:
    from advisor.measure.steps.bench import Point

    if row.statistic != "mean" or row.suspect:
        return None
    if row.load == "maximum":
        point = Point(kind="maximum")
    elif row.load == "rate":
        point = Point(kind="rate", value=row.load_value)
    else:
        point = Point(kind="concurrency", value=row.load_value or 1.0)
    if point not in prepared.plan.points:
        return None
    found = expected.of(row.format, row.num_gpus, point)
    if found is None:
        return None
    if row.metric in _FIELDS:
        one = found.latency.get((_FIELDS[row.metric], "mean"))
    elif row.metric == "requests_per_s":
        one = found.requests_per_s
    else:
        return None
    if one is None:
        return None
    inside = one.low <= row.value <= one.high
    return (
        row.format,
        str(row.num_gpus),
        str(point),
        row.metric,
        f"{row.value:.4g}",
        f"{one.value:.4g}",
        f"{one.low:.4g} to {one.high:.4g}",
        "" if inside else "missed",
    )
