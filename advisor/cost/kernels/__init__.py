"""Seconds of one kernel on one GPU, from a few numbers per family of kernels.

`formulas` says what a kernel takes; `kernel_timings` turns timings of kernels alone into the work they did,
from which `fitting/kernel_estimator` learns those numbers.
"""
