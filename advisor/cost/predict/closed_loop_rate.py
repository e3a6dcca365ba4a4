"""Requests per second of users who think: as many as their answers and pauses leave time for."""

from __future__ import annotations

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.predict.prediction_table import Range
from advisor.cost.serving.load_table import LoadTable
from advisor.cost.serving.request_times import TINY
from advisor.units import MS_PER_S


def of_thinking_users(loads: LoadTable, e2e: Range, busy: Floats, served: Range) -> Range:
    """`served`, of users who think in place of it clients ÷ (E2E + pause). e2e: mean, ms. busy: replicas that
    have users."""
    cached = loads.cached_prompts
    if cached is None:
        return served

    def rate(e2e_ms: Floats) -> Floats:
        return np.asarray(cached.thinking_users * busy / (e2e_ms / MS_PER_S + cached.pause_s + TINY))

    thinking = Range(value=rate(e2e.value), low=rate(e2e.high), high=rate(e2e.low))
    return thinking.where((cached.thinking_users > 0) & np.isfinite(e2e.value), served)
