"""Prints how far kernels timed alone lie from what the fit of the others says of them.

    python benchmarks/kernel_errors.py

Median and 90th percentile of |formula ÷ timed - 1| in per cent, by kind of kernel, family and GPU: with one
timing in five left out, and with all timings of the GPU left out. Takes a minute.
"""

from __future__ import annotations

import numpy as np

from advisor.cost.fitting.kernel_estimator import KernelProblem, fit_kernels
from advisor.cost.kernels.kernel_timings import timed_kernels
from advisor.record.store import read_kernels
from advisor.shipped_files import shipped

FOLDS = 5


def main() -> None:
    rows = read_kernels(shipped("measurements"))
    timed = timed_kernels(rows)
    problem = KernelProblem(timed)

    def left_out(groups: np.ndarray) -> np.ndarray:
        errors = np.full(len(timed), np.nan)
        for group in np.unique(groups):
            out = groups == group
            learnt = fit_kernels(rows, ~out)
            vector = np.array([learnt[name] for name in problem.names])
            errors[out] = 100.0 * np.abs(np.expm1(problem.errors(vector)[out]))
        return errors

    gpus = np.array(timed.gpu)
    of_rows, of_gpus = left_out(np.arange(len(timed)) % FOLDS), left_out(gpus)
    kinds = [
        f"{what} {family or ('fp8 KV' if narrow else '')}".strip()
        for what, family, narrow in zip(timed.what, timed.kernel, timed.is_narrow_kv, strict=True)
    ]
    labels = np.array([f"{kind:24s} {gpu}" for kind, gpu in zip(kinds, gpus, strict=True)])
    print(f"{'kernel and GPU':42s} {'timings':>8s} {'rows out':>14s} {'GPU out':>14s}")
    for label in np.unique(labels):
        here = labels == label
        shown = [f"{np.median(e[here]):5.1f} / {np.quantile(e[here], 0.9):5.1f}" for e in (of_rows, of_gpus)]
        print(f"{label:42s} {here.sum():8d} {shown[0]:>14s} {shown[1]:>14s}")


if __name__ == "__main__":
    main()
