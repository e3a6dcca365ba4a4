"""Fits the start values of the step's parameters to kernels timed alone: robust least squares in logs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advisor.cost.array_table import Bools, Floats
from advisor.cost.fitting.least_squares import minimise
from advisor.cost.kernels.formulas import all_reduce_s, overlapped_s
from advisor.cost.kernels.kernel_timings import TimedKernels, timed_kernels
from advisor.cost.step.parameter_vector import group_keys, value_of
from advisor.cost.step.parameters import BY_NAME, PARAMETERS, Parameter
from advisor.record.kernel_timing import KernelTiming

KERNEL_NOISE = 0.10
"""Scatter of a timing about a perfect formula of its family, in logs."""
_STEP = 1e-4
_FARTHEST = 1.0
_TOLERANCE = 1e-5
_LAUNCH_S = 8e-6
"""What a CUDA graph of one kernel adds to it; attention was timed so."""


_FP4_LAUNCH_S = 4e-6
"""Seconds a launch adds to an FP4 product: the fastest single ones are so much above those in graphs of
six."""


def seconds(t: TimedKernels, v: dict[str, Floats]) -> Floats:
    """What each timed kernel takes with these parameters, one value per timing each."""
    one = np.ones(len(t))
    gemm = v["kernel_fixed_s"] + overlapped_s(
        t.read_bytes / (t.bandwidth * _of_family(t, v, "read")),
        t.flop / np.maximum(t.rate * _of_family(t, v, "multiply"), 1.0),
        1.0 + v["overlap_sharpness"],
    )
    gemm = gemm + np.where(np.array(t.kernel) == "fp4", _FP4_LAUNCH_S, 0.0)
    kv_share = v["kv_read"] * np.where(t.is_narrow_kv, v["kv_read_fp8"], one)
    decode = _LAUNCH_S + t.read_bytes / (t.bandwidth * kv_share)
    attend_share = v["prefill_attention"] * np.where(t.is_narrow_kv, v["prefill_attention_fp8"], one)
    prefill = _LAUNCH_S + t.flop / np.maximum(t.rate * attend_share, 1.0)
    gpus = np.array([float(n) for n in t.gpus])
    ring = 2.0 * (gpus - 1.0) / np.maximum(gpus, 1.0)
    reduced = all_reduce_s(
        t.reduced_bytes,
        v["all_reduce_s"],
        ring / (t.link_bandwidth * v["link_share"]),
        v["all_reduce_root_s"] / t.link_bandwidth,
    )
    what = np.array(t.what)
    return np.select(
        [what == "gemm", what == "attention decode", what == "attention prefill"],
        [gemm, decode, prefill],
        reduced,
    )


def _of_family(t: TimedKernels, v: dict[str, Floats], verb: str) -> Floats:
    found = np.ones(len(t))
    for family in sorted(set(t.kernel) - {""}):
        found = np.where(np.array(t.kernel) == family, v[f"{verb}_{family}"], found)
    return found


def _matters(t: TimedKernels, p: Parameter) -> Bools:
    """Timings that a parameter moves."""
    what = np.array(t.what)
    if p.name.startswith(("read_", "multiply_")):
        return np.asarray(np.array(t.kernel) == p.name.partition("_")[2])
    if p.name in ("overlap_sharpness", "kernel_fixed_s"):
        return np.asarray(what == "gemm")
    if p.name.startswith("kv_"):
        return np.asarray((what == "attention decode") & (t.is_narrow_kv | (p.name == "kv_read")))
    if p.name.startswith("prefill_attention"):
        return np.asarray((what == "attention prefill") & (t.is_narrow_kv | (p.name == "prefill_attention")))
    return np.asarray(what == "all-reduce")


class KernelProblem:
    """Log errors of timings as functions of where the parameters start."""

    def __init__(self, timed: TimedKernels, used: Bools | None = None) -> None:
        self.timed = timed
        self.names: list[str] = []
        sd: list[float] = []
        columns: list[tuple[Parameter, Bools]] = []
        for p in PARAMETERS:
            rows = _matters(timed, p) if p.timed_by is not None else np.zeros(len(timed), dtype=bool)
            if not rows.any():
                continue
            self.names.append(p.name)
            sd.append(p.prior)
            columns.append((p, rows))
            for by in p.timed_by or ():
                keys = np.array(group_keys(timed, by), dtype=np.str_)
                for key in sorted(set(keys[rows].tolist())):
                    self.names.append(f"{p.name}@{key}")
                    sd.append(p.timed_prior)
                    columns.append((p, rows & (keys == key)))
        self.columns = columns
        self.sd = np.array(sd)
        taught = np.ones(len(timed), dtype=bool) if used is None else used
        self.weight = np.where(taught, 1.0 / KERNEL_NOISE, 0.0)

    def values(self, vector: Floats) -> dict[str, Floats]:
        """Each parameter for each timing."""
        moved = {p.name: np.zeros(len(self.timed)) for p in PARAMETERS}
        for (p, rows), entry in zip(self.columns, vector, strict=True):
            moved[p.name][rows] += entry
        return {name: value_of(BY_NAME[name], distance) for name, distance in moved.items()}

    def errors(self, vector: Floats) -> Floats:
        """log(formula ÷ timed)."""
        error = np.log(seconds(self.timed, self.values(vector)) / self.timed.seconds)
        return np.clip(error, -_FARTHEST, _FARTHEST)

    def slopes(self, vector: Floats) -> Floats:
        """Derivatives of `errors`: a parameter's groups move a timing alike; one difference serves them."""
        base = self.errors(vector)
        out = np.zeros((len(base), len(vector)))
        slope: dict[str, Floats] = {}
        values = self.values(vector)
        for p in {id(p): p for p, _ in self.columns}.values():
            moved = dict(values)
            distance = _distance(p, values[p.name]) + _STEP
            moved[p.name] = value_of(p, distance)
            error = np.log(seconds(self.timed, moved) / self.timed.seconds)
            slope[p.name] = np.where(np.abs(base) < _FARTHEST, (error - base) / _STEP, 0.0)
        for number, (p, rows) in enumerate(self.columns):
            out[rows, number] = slope[p.name][rows]
        return out


def _distance(p: Parameter, value: Floats) -> Floats:
    if p.share:
        return np.asarray(np.log(value / (1.0 - value)) - np.log(p.start / (1.0 - p.start)))
    return np.asarray(np.log(value / p.start))


def fit_kernels(rows: Sequence[KernelTiming], used: Bools | None = None) -> dict[str, float]:
    """Where the parameters start, by name and group as Theta names them; empty without timings.

    used: which of the timings that a family describes teach. Deterministic.
    """
    timed = timed_kernels(rows)
    if not len(timed):
        return {}
    problem = KernelProblem(timed, used)
    vector, _, _ = minimise(problem, np.zeros(len(problem.names)), tolerance=_TOLERANCE)
    return {name: round(float(v), 6) for name, v in zip(problem.names, vector, strict=True)}
