"""Records as the fit needs them: the deployment and load of each row, and the value it should predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from advisor.cost.array_table import Floats, Ints
from advisor.cost.fitting.row_noise import harness
from advisor.cost.fitting.run_conditions import benchmark_run, requests_per_client, row_engine
from advisor.cost.serving.engine_table import RULES
from advisor.cost.serving.load_table import LoadTable
from advisor.cost.serving.mean_latencies import replica_stats
from advisor.cost.serving.percentiles_and_goodput import Queue
from advisor.cost.step.deployment_work import DeploymentArrays, deployment_arrays
from advisor.cost.step.memory import memory
from advisor.cost.step.step_time import StepCosts
from advisor.errors import QuantAdviseError
from advisor.record.measurement import SpeedMeasurement
from advisor.record.sources import Sources, known_sources
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import defaults
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.metrics import LATENCIES_MS, METRICS
from advisor.spec.models.catalog import find_model
from advisor.spec.models.model import ModelSpec
from advisor.spec.parallelism import Parallelism
from advisor.spec.workloads.load_kind import LoadKind
from advisor.units import MS_PER_S


def is_free_arrangement(row: SpeedMeasurement, sources: Sources) -> bool:
    """Whether a row names its GPUs but not how they were arranged.

    The seed paper's asynchronous tables and the cards print a count only. Their figures agree with the
    best arrangement of tensor parallel × replicas per format (70B INT4 on four H100: four replicas of one
    GPU are within 4 %, one of four is 60 % off), so that is what such a row is compared with.
    """
    entry = sources.of(row.source)
    is_any = entry is not None and entry.gpu_count == "any arrangement"
    return is_any and row.load == "maximum" and row.num_gpus > 1


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
    loads: LoadTable
    """What was measured where, each once: TTFT and TPOT of one run are one cell."""
    cell_of: Ints
    """Cell of each option: a row with a free arrangement has several options, else one."""
    row_of: Ints
    """Row of each option; ascending."""
    replicas: Floats
    """Number of replicas of each option."""
    metric: npt.NDArray[np.str_]
    """`MetricName` of each option."""
    statistic: tuple[str, ...]
    """`mean`, or the percentile of a queue, of each option."""
    log_value: Floats
    """Per row."""
    half_width: Floats
    """Per row, relative."""
    sources: Sources
    """What is known of the rows' sources."""

    def predict(self, step_costs: StepCosts, only: np.ndarray | None = None) -> Floats:
        """Predicted value of each row (those in the mask `only`), in its metric's unit; NaN where none
        exists."""
        return np.asarray(np.fmax.reduceat(self._options(step_costs, only), self._starts()))

    def predict_with_choice(
        self, step_costs: StepCosts, only: np.ndarray | None = None
    ) -> tuple[Floats, Ints]:
        """Predicted value of each row as in `predict`, and its deployment: of a free arrangement the best."""
        options, starts = self._options(step_costs, only), self._starts()
        best = np.fmax.reduceat(options, starts)
        is_best = (options == best[self.row_of]) | np.isnan(best[self.row_of])
        first = np.full(len(best), -1, dtype=np.intp)
        cells = np.flatnonzero(is_best)[::-1]
        first[self.row_of[cells]] = cells
        return best, np.asarray(self.loads.deployment[self.cell_of[first]])

    def rows_of(self, deployments: np.ndarray) -> npt.NDArray[np.bool_]:
        """Rows (a mask) that may have run on one of `deployments` (a mask)."""
        options = deployments[self.loads.deployment[self.cell_of]]
        return np.asarray(np.logical_or.reduceat(options, self._starts()))

    @property
    def row_deployments(self) -> tuple[Deployment, ...]:
        """The deployment of each row; of a free arrangement the first."""
        return tuple(self.deployments[i] for i in self.loads.deployment[self.first_cells])

    @property
    def first_cells(self) -> Ints:
        """The cell of each row's first option."""
        return np.asarray(self.cell_of[self._starts()])

    def _starts(self) -> Ints:
        return np.flatnonzero(np.r_[True, np.diff(self.row_of) > 0])

    def _options(self, step_costs: StepCosts, only: np.ndarray | None) -> Floats:
        """Predicted value of each option."""
        asked = np.ones(len(self.row_of), dtype=bool) if only is None else only[self.row_of]
        plain = np.array([one == "mean" for one in self.statistic])
        values = np.full(len(plain), np.nan)
        for chosen, of in ((asked & plain, self._means), (asked & ~plain, self._percentiles)):
            if chosen.any():
                values[chosen] = of(step_costs, np.flatnonzero(chosen))
        return values

    def _means(self, step_costs: StepCosts, options: Ints) -> Floats:
        rows, at = np.unique(self.cell_of[options], return_inverse=True)
        asked = self.loads.take(rows)
        m = replica_stats(self.arrays, step_costs, self.kv_bytes, asked, capacity=False)
        tokens_in, tokens_out = asked.input_tokens[at], asked.output_tokens[at]
        rate = m.requests_per_s[at] * self.replicas[options]
        metric = self.metric[options]
        return np.select(
            [metric == name for name in METRICS],
            [
                m.ttft_s[at] * MS_PER_S,
                m.tpot_s[at] * MS_PER_S,
                m.tpot_s[at] * MS_PER_S,
                m.e2e_s[at] * MS_PER_S,
                rate,
                rate * tokens_out,
                rate * (tokens_in + tokens_out),
            ],
        )

    def _percentiles(self, step_costs: StepCosts, options: Ints) -> Floats:
        """Values of the options that are percentiles of latencies."""
        names = np.array([name.removesuffix("_ms") for name in self.metric[options].tolist()])
        of = np.array([self.statistic[i] for i in options])
        values = np.full(len(options), np.nan)
        open_loop = self.loads.kind[self.cell_of[options]] == "rate"
        started = np.isin(names, ("ttft", "e2e"))
        for group in (open_loop, ~open_loop & started, ~open_loop & ~started):
            chosen = np.flatnonzero(group)
            if not len(chosen):
                continue
            rows, at = np.unique(self.cell_of[options[chosen]], return_inverse=True)
            asked = self.loads.take(rows)
            queue = Queue.of(
                self.arrays, step_costs, self.kv_bytes, asked, with_start=bool(started[chosen[0]])
            )
            for metric, statistic in sorted(set(zip(names[chosen], of[chosen], strict=True))):
                here = (names[chosen] == metric) & (of[chosen] == statistic)
                values[chosen[here]] = queue.percentile_s(metric, statistic)[at[here]] * MS_PER_S
        return np.where(np.isfinite(values), values, np.nan)


def arrangements(deployment: Deployment) -> list[Deployment]:
    """Every way to split a deployment's GPUs into equal replicas."""
    total, found, tp = deployment.tensor_parallel, [], 1
    while tp <= total:
        if total % tp == 0:
            split = Parallelism.of_gpus(tp, gpus_per_node=deployment.gpu.gpus_per_node, replicas=total // tp)
            found.append(replace(deployment, parallelism=split))
        tp *= 2
    return found


def observe(
    rows: Sequence[SpeedMeasurement],
    *,
    models: Mapping[str, ModelSpec] = MappingProxyType({}),
    gpus: Mapping[str, GpuSpec] = MappingProxyType({}),
    sources: Sources | None = None,
) -> Observations:
    """Rows → observations. Rows that are suspect or name what is unknown are left out, with the reason.

    models, gpus: those that stand in no catalog, by the name that the rows use.
    sources: what is known of the rows' sources; by default those that ship.
    """
    found = _Found(models, gpus, known_sources() if sources is None else sources)
    for row in rows:
        found.add(row)
    return found.observations()


@dataclass(slots=True)
class _Found:
    """Rows taken so far."""

    models: Mapping[str, ModelSpec]
    gpus: Mapping[str, GpuSpec]
    sources: Sources
    rows: list[SpeedMeasurement] = field(default_factory=list)
    left_out: list[tuple[SpeedMeasurement, str]] = field(default_factory=list)
    made: dict[tuple[object, ...], Deployment | str] = field(default_factory=dict)
    """By what a row says of it: the deployment, or why there is none."""
    deployments: dict[tuple[object, ...], int] = field(default_factory=dict)
    kept: list[Deployment] = field(default_factory=list)
    harness: list[str] = field(default_factory=list)
    """Harness of each deployment kept."""
    cells: dict[tuple[float | str, ...], int] = field(default_factory=dict)
    client: list[str] = field(default_factory=list)
    """Client of each deployment kept."""
    options: list[tuple[int, int, str]] = field(default_factory=list)
    """(row, cell, statistic) of each."""

    def add(self, row: SpeedMeasurement) -> None:
        why = row.suspect or unclear(row) or _withheld(row, self.sources)
        engine = row_engine(row, self.sources)
        key = (row.model, row.format, row.kv_format, row.gpu, row.num_gpus, engine)
        made = why or self._deployment(key, row)
        if isinstance(made, str):
            self.left_out.append((row, made))
            return
        # V0 schedules, samples and feeds the GPU in turn: how long that takes is the host's affair.
        rules = RULES[defaults(made.engine, made.gpu).generation]
        client = harness(row, self.sources)
        whose = client if rules.runs_on_the_host else ""
        for option in arrangements(made) if is_free_arrangement(row, self.sources) else [made]:
            at = (*key, option.tensor_parallel, option.replicas, client)
            if at not in self.deployments:
                self.deployments[at] = len(self.kept)
                self.kept.append(option)
                self.harness.append(whose)
                self.client.append(client)
            cell = _cell(row, self.deployments[at], self.sources)
            number = self.cells.setdefault(cell, len(self.cells))
            self.options.append((len(self.rows), number, _statistic(row)))
        self.rows.append(row)

    def _deployment(self, key: tuple[object, ...], row: SpeedMeasurement) -> Deployment | str:
        if key not in self.made:
            try:
                made = Deployment(
                    model=self.models[row.model] if row.model in self.models else find_model(row.model),
                    format=find_format(row.format),
                    gpu=self.gpus[row.gpu] if row.gpu in self.gpus else find_gpu(row.gpu),
                    tensor_parallel=row.num_gpus,
                    kv_format=row.kv_format,
                    engine=row_engine(row, self.sources),
                )
                deployment_arrays([made])
                self.made[key] = made
            except QuantAdviseError as error:
                self.made[key] = str(error)
        return self.made[key]

    def observations(self) -> Observations:
        arrays = replace(deployment_arrays(self.kept), harness=tuple(self.harness), client=tuple(self.client))
        kinds = np.array([cell[3] for cell in self.cells], dtype=np.str_)
        numbers = [cell[:3] + cell[4:] for cell in self.cells]
        columns = np.array(numbers, dtype=np.float64).reshape(-1, 8).T
        of_row, cell_of, statistic = zip(*self.options, strict=True) if self.options else ((), (), ())
        at = np.array(cell_of, dtype=np.intp)
        place = columns[0].astype(np.intp)
        replicas = np.array([self.kept[i].replicas for i in place[at]], dtype=np.float64)
        return Observations(
            rows=tuple(self.rows),
            left_out=tuple(self.left_out),
            deployments=tuple(self.kept),
            arrays=arrays,
            kv_bytes=memory(arrays).kv_bytes,
            loads=LoadTable(
                deployment=place,
                input_tokens=columns[1],
                output_tokens=columns[2],
                kind=kinds,
                level=columns[3],
                idle_replicas=np.zeros(len(place)),
                requests_per_client=columns[4],
                prefix_hit_rate=np.zeros(len(place)),
                input_std=columns[5],
                output_std=columns[6],
                burstiness=columns[7],
            ),
            cell_of=at,
            row_of=np.array(of_row, dtype=np.intp),
            replicas=replicas,
            metric=np.array([self.rows[i].metric for i in of_row], dtype=np.str_),
            statistic=tuple(statistic),
            log_value=np.log(np.array([r.value for r in self.rows])),
            half_width=np.array([(r.half_width or 0.0) / r.value for r in self.rows]),
            sources=self.sources,
        )


def unclear(row: SpeedMeasurement) -> str:
    """Why nothing can be compared with a sound row; empty: something can."""
    if row.load == "rate" and row.metric not in LATENCIES_MS:
        return "the throughput of an open loop, which is its own rate of arrivals"
    queue = row.load in ("concurrency", "rate", "single") and row.metric in LATENCIES_MS
    return "" if queue or row.statistic in ("mean", "p50") else f"{row.statistic} of a load that has none"


def _withheld(row: SpeedMeasurement, sources: Sources) -> str:
    """Why the fit does not use a source; empty: it does."""
    entry = sources.of(row.source)
    return f"{entry.name} is for comparison only" if entry is not None and entry.fit == "check" else ""


def _statistic(row: SpeedMeasurement) -> str:
    """What a row's statistic is compared with. In a static batch and in a queue of all at once the median
    is the mean, as far as anything is known; so is it of a lone stream, whose lengths nobody states."""
    return row.statistic if row.load in ("concurrency", "rate") or row.statistic != "p50" else "mean"


def _cell(row: SpeedMeasurement, deployment: int, sources: Sources) -> tuple[float | str, ...]:
    run = benchmark_run(row, sources)
    level = {"single": 1.0, "maximum": np.inf}.get(row.load, row.load_value or np.nan)
    kind: LoadKind = row.load
    if run.sent_together is not None:
        # So many clients that send once: the batch fills once, and drains for as long as the longest answer.
        kind, level = "concurrency", run.sent_together
    return (
        deployment,
        row.input_tokens,
        row.output_tokens,
        kind,
        level,
        requests_per_client(row, run),
        run.input_std,
        run.output_std,
        run.burstiness,
    )
