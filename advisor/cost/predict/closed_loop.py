"""Requests per second of closed loops, as their clients can send them: each waits for its answer."""

from __future__ import annotations

import numpy as np

from advisor.cost.arrays import Floats
from advisor.cost.predict.evidence import MeasuredRows
from advisor.cost.predict.prediction_table import Range
from advisor.cost.serving.load_table import LoadTable
from advisor.cost.serving.request import TINY
from advisor.units import MS_PER_S


def sent_by_clients(
    loads: LoadTable, e2e: Range, busy: Floats, served: Range, measured: MeasuredRows | None
) -> Range:
    """Requests per second, of closed loops no more than clients ÷ E2E (Little's law).

    The closed form of a run's start and that of its end, each right by itself, may exceed it by some per
    cent. Users who think send what their answers and pauses leave time for. e2e: mean, ms. busy: replicas
    that have clients. measured: rows whose throughput was measured, which stay as they are.
    """
    is_capped = loads.is_kind("concurrency") & np.isfinite(e2e.value)
    if measured is not None:
        is_capped[measured.at] = False
    capped = _clients_per_s(loads.level * busy, np.zeros(len(loads)), e2e)
    least = Range(
        value=np.minimum(served.value, capped.value),
        low=np.minimum(served.low, capped.low),
        high=np.minimum(served.high, capped.high),
    )
    served = least.where(is_capped, served)
    cached = loads.cached_prompts
    if cached is None:
        return served
    thinking = _clients_per_s(cached.thinking_users * busy, cached.pause_s, e2e)
    return thinking.where((cached.thinking_users > 0) & np.isfinite(e2e.value), served)


def _clients_per_s(clients: Floats, pause_s: Floats, e2e: Range) -> Range:
    """Requests per second of clients who send again a pause after each answer."""

    def rate(e2e_ms: Floats) -> Floats:
        return np.asarray(clients / (e2e_ms / MS_PER_S + pause_s + TINY))

    return Range(value=rate(e2e.value), low=rate(e2e.high), high=rate(e2e.low))
