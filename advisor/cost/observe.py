"""Records as the fit sees them: which deployment and load each row saw, and what it should equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from advisor.cost.cells import CLOSED_LOOP_PROMPTS, KINDS, MAXIMUM, Cells
from advisor.cost.features import DeploymentArrays, Floats, Ints, deployment_arrays
from advisor.cost.loads import means
from advisor.cost.memory import memory
from advisor.cost.steptime import Coefficients
from advisor.errors import QuantAdviseError
from advisor.record.measurement import SpeedMeasurement
from advisor.spec.deployment import Deployment
from advisor.spec.engine import parse_engine
from advisor.spec.formats import find_format
from advisor.spec.gpu import GpuSpec
from advisor.spec.gpus import find_gpu
from advisor.spec.model import ModelSpec
from advisor.spec.models import find_model
from advisor.units import MS_PER_S

METRICS = (
    "ttft_ms",
    "tpot_ms",
    "itl_ms",
    "e2e_ms",
    "requests_per_s",
    "output_tokens_per_s",
    "total_tokens_per_s",
)


def is_free_arrangement(row: SpeedMeasurement) -> bool:
    """Whether a row names its GPUs but not how they were arranged.

    The seed paper's asynchronous tables and the cards print a count only. Their figures agree with the
    best arrangement of tensor parallel × replicas per format (70B INT4 on four H100: four replicas of one
    GPU are within 4 %, one of four is 60 % off), so that is what such a row is compared with.
    """
    card = row.source.startswith(("arXiv:2411.02355", "model card"))
    return card and row.load == "maximum" and row.num_gpus > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """Rows with a model, GPU and format that are known, ready to compare with predictions."""

    rows: tuple[SpeedMeasurement, ...]
    left_out: tuple[tuple[SpeedMeasurement, str], ...]
    """Rows that could not be used, and why."""
    deployments: tuple[Deployment, ...]
    arrays: DeploymentArrays
    kv_bytes: Floats
    """Per deployment."""
    cells: Cells
    """One per option: a row with a free arrangement has several."""
    row_of: Ints
    """Row of each cell; ascending."""
    replicas: Floats
    """Of each cell."""
    metric: npt.NDArray[np.int8]
    """Of each cell: position in METRICS."""
    log_value: Floats
    """Per row."""
    half_width: Floats
    """Per row, relative."""

    def predict(self, coefficients: Coefficients) -> Floats:
        """Predicted value of each row, in its metric's unit; NaN where none exists."""
        return np.asarray(np.fmax.reduceat(self._options(coefficients), self._starts()))

    def predict_with_choice(self, coefficients: Coefficients) -> tuple[Floats, Ints]:
        """The same, with the deployment of each row: of a free arrangement the best."""
        options, starts = self._options(coefficients), self._starts()
        best = np.fmax.reduceat(options, starts)
        is_best = (options == best[self.row_of]) | np.isnan(best[self.row_of])
        first = np.full(len(best), -1, dtype=np.intp)
        cells = np.flatnonzero(is_best)[::-1]
        first[self.row_of[cells]] = cells
        return best, np.asarray(self.cells.deployment[first])

    def _starts(self) -> Ints:
        return np.flatnonzero(np.r_[True, np.diff(self.row_of) > 0])

    def _options(self, coefficients: Coefficients) -> Floats:
        """Predicted value of each cell."""
        m = means(self.arrays, coefficients, self.kv_bytes, self.cells)
        tokens_in, tokens_out = self.cells.input_tokens, self.cells.output_tokens
        rate = m.requests_per_s * self.replicas
        return np.select(
            [self.metric == i for i in range(len(METRICS))],
            [
                m.ttft_s * MS_PER_S,
                m.tpot_s * MS_PER_S,
                m.tpot_s * MS_PER_S,
                m.e2e_s * MS_PER_S,
                rate,
                rate * tokens_out,
                rate * (tokens_in + tokens_out),
            ],
        )


def _engine(row: SpeedMeasurement) -> str:
    # A source that states no version: the newest at its date is the best guess.
    return f"{row.engine} {row.engine_version or UNSTATED_VERSION.get(row.source, '0.6.0')}"


UNSTATED_VERSION = {"GPUStack": "0.11.0"}


def arrangements(deployment: Deployment) -> list[Deployment]:
    """Every way to split a deployment's GPUs into equal replicas."""
    total, found, tp = deployment.tensor_parallel, [], 1
    while tp <= total:
        if total % tp == 0:
            found.append(replace(deployment, tensor_parallel=tp, replicas=total // tp))
        tp *= 2
    return found


def observe(
    rows: Sequence[SpeedMeasurement],
    *,
    models: Mapping[str, ModelSpec] = MappingProxyType({}),
    gpus: Mapping[str, GpuSpec] = MappingProxyType({}),
) -> Observations:
    """Rows → observations. Rows that are suspect or name what is unknown are left out, with the reason.

    models, gpus: those that stand in no catalog, by the name that the rows use.
    """
    deployments: dict[tuple[object, ...], int] = {}
    kept_deployments: list[Deployment] = []
    kept: list[SpeedMeasurement] = []
    left_out: list[tuple[SpeedMeasurement, str]] = []
    cells: list[tuple[int, int, float, float, int, float, float, int]] = []
    bad: dict[tuple[object, ...], str] = {}
    base: dict[tuple[object, ...], Deployment] = {}
    for row in rows:
        if row.suspect:
            left_out.append((row, row.suspect))
            continue
        if row.statistic not in ("mean", "p50"):
            left_out.append((row, f"{row.statistic}: means and medians only"))
            continue
        if row.metric == "itl_ms" and row.statistic != "mean":
            left_out.append((row, f"{row.statistic} of all gaps: no request's time per token"))
            continue
        key = (row.model, row.format, row.kv_format, row.gpu, row.num_gpus, _engine(row))
        if key not in base and key not in bad:
            try:
                made = Deployment(
                    model=models[row.model] if row.model in models else find_model(row.model),
                    format=find_format(row.format),
                    gpu=gpus[row.gpu] if row.gpu in gpus else find_gpu(row.gpu),
                    tensor_parallel=row.num_gpus,
                    kv_format=row.kv_format,
                    engine=parse_engine(_engine(row)),
                )
                deployment_arrays([made])
                base[key] = made
            except QuantAdviseError as error:
                bad[key] = str(error)
        if key in bad:
            left_out.append((row, bad[key]))
            continue
        options = arrangements(base[key]) if is_free_arrangement(row) else [base[key]]
        number = len(kept)
        kept.append(row)
        for option in options:
            at = (*key, option.tensor_parallel, option.replicas)
            if at not in deployments:
                deployments[at] = len(kept_deployments)
                kept_deployments.append(option)
            kind = KINDS.index(row.load)
            level = {"single": 1.0, "maximum": np.inf}.get(row.load, row.load_value or np.nan)
            closed = row.load == "concurrency"
            cells.append(
                (
                    number,
                    deployments[at],
                    row.input_tokens,
                    row.output_tokens,
                    kind,
                    level,
                    CLOSED_LOOP_PROMPTS if closed and row.statistic == "mean" else np.inf,
                    METRICS.index(row.metric),
                )
            )
    arrays = deployment_arrays(kept_deployments)
    columns = list(zip(*cells, strict=True))
    value = np.array([r.value for r in kept])
    replicas = np.array([kept_deployments[i].replicas for i in columns[1]], dtype=np.float64)
    return Observations(
        rows=tuple(kept),
        left_out=tuple(left_out),
        deployments=tuple(kept_deployments),
        arrays=arrays,
        kv_bytes=memory(arrays).kv_bytes,
        cells=Cells(
            deployment=np.array(columns[1], dtype=np.intp),
            input_tokens=np.array(columns[2], dtype=np.float64),
            output_tokens=np.array(columns[3], dtype=np.float64),
            kind=np.array(columns[4], dtype=np.int8),
            level=np.array(columns[5], dtype=np.float64),
            prefix_hit_rate=np.zeros(len(cells)),
            prompts_per_client=np.array(columns[6], dtype=np.float64),
        ),
        row_of=np.array(columns[0], dtype=np.intp),
        replicas=replicas,
        metric=np.array(columns[7], dtype=np.int8),
        log_value=np.log(value),
        half_width=np.array([(r.half_width or 0.0) / r.value for r in kept]),
    )


__all__ = ["MAXIMUM", "METRICS", "Observations", "arrangements", "is_free_arrangement", "observe"]
