"""Percentiles of latency from means, without a simulation: what the search uses.

Two things spread latencies that the mean does not show: how many requests happen to be in flight
(about Poisson under open-loop arrivals), and how many prompts a new one finds before it. `simulate`
gives the distribution itself; a test keeps the two within sight of each other.
"""

from __future__ import annotations

import numpy as np

from advisor.cost.cells import Cells
from advisor.cost.features import Floats
from advisor.cost.loads import Means
from advisor.spec.lengths import quantile
from advisor.spec.workload import Lengths, Load, percentile_of


def percentile_ratio(wanted: tuple[str, str], load: Load, cells: Cells, m: Means) -> Floats:
    """statistic ÷ mean of a latency for each cell, at least 1 for percentiles above the median."""
    metric, statistic = wanted
    percent = percentile_of(statistic)
    if percent is None:
        raise ValueError(f"{statistic} is no percentile")
    share = percent / 100.0
    z = _normal_quantile(share)
    open_loop = load.arrival.kind == "rate"
    batch = np.maximum(m.batch, 1e-6)
    crowd = z / np.sqrt(np.maximum(batch, 1.0)) if open_loop else 0.3 * z / np.sqrt(np.maximum(batch, 1.0))
    # The part of an iteration that grows with the batch: all but weights, head and fixed costs.
    step = m.decode
    growing = np.clip((step.kv_s + 0.5 * step.weights_s) / np.maximum(step.total_s, 1e-12), 0.0, 1.0)
    alone = batch <= 1.0 if load.arrival.kind != "rate" else np.zeros(len(cells), dtype=bool)
    tpot = np.where(alone, 1.0, np.maximum(1.0 + crowd * growing, 0.5))
    if metric in ("tpot", "itl"):
        return np.asarray(tpot)

    prompts = _ratio(load.input_tokens, share)
    prompt_s = m.prefill.total_s
    arrivals = m.requests_per_s
    busy = np.clip(arrivals * prompt_s, 0.0, 0.98)
    # Waiting for other prompts: M/D/1, whose tail falls off exponentially.
    mean_wait = busy * prompt_s / (2 * (1 - busy))
    tail = np.where(busy > 1 - share, np.log(np.maximum(busy / max(1e-9, 1 - share), 1.0)), 0.0)
    wait = np.where(busy > 0, mean_wait / np.maximum(busy, 1e-9) * tail, 0.0)
    phase = np.clip(share, 0.0, 1.0) * np.where(np.isfinite(m.tpot_s), m.tpot_s, 0.0)
    spread = np.where(alone, 0.0, wait + phase - 0.5 * np.nan_to_num(m.tpot_s) - mean_wait)
    ttft_ratio = (m.ttft_s + prompt_s * (prompts - 1.0) + spread) / m.ttft_s
    if metric == "ttft":
        return np.asarray(np.maximum(ttft_ratio, 1.0) if share >= 0.5 else ttft_ratio)
    answers = _ratio(load.output_tokens, share)
    decode_s = m.e2e_s - m.ttft_s
    return np.asarray((m.ttft_s * ttft_ratio + decode_s * answers * np.sqrt(tpot)) / m.e2e_s)


def _ratio(lengths: Lengths, share: float) -> float:
    return 1.0 if lengths.kind == "constant" else float(quantile(lengths, share)) / lengths.mean


def _normal_quantile(share: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(min(max(share, 1e-6), 1 - 1e-6))
