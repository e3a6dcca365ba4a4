"""What an iteration's time goes into: memory bandwidth, compute, overhead or communication."""

from __future__ import annotations

from collections.abc import Mapping

from advisor.cost.prediction import Regime
from advisor.cost.steptime import Coefficients, Parts
from advisor.units import MS_PER_S


def time_parts_ms(parts: Parts, c: Coefficients, i: int, tokens: float) -> dict[Regime, float]:
    """Milliseconds of iteration `i` by cause, `tokens` going through the matrices at once.

    Matrices are read from memory and multiplied with at the same time; what they take is split as the blend
    of the two weighs them.
    """
    read = _read_share(c, i, tokens)
    weights = float(parts.weights_s[i])
    seconds: dict[Regime, float] = {
        "memory bandwidth": weights * read + float(parts.kv_s[i] + parts.head_s[i]),
        "compute": weights * (1.0 - read) + float(parts.attention_s[i] + parts.elementwise_s[i]),
        "overhead": float(parts.overhead_s[i] + parts.eager_s[i]),
        "communication": float(parts.communication_s[i]),
    }
    return {name: MS_PER_S * value for name, value in seconds.items()}


def regime(time_ms: Mapping[Regime, float]) -> Regime:
    """What most of the time goes into."""
    return max(time_ms, key=lambda name: time_ms[name])


def _read_share(c: Coefficients, i: int, tokens: float) -> float:
    """Which part of the matrices' time reading them is, the rest multiplying."""
    active = float(c.active_share[i])
    touched = 1.0 - (1.0 - active) ** max(1.0, tokens * float(c.spread[i])) if active > 0 else 0.0
    read = float(c.weights_s[i]) + float(c.experts_s[i]) * touched
    multiply = tokens * float(c.token_s[i])
    if read <= 0 or multiply <= 0:
        return 1.0 if multiply <= 0 else 0.0
    ratio = (multiply / read) ** min(float(c.blend[i]), 50.0)
    return float(1.0 / (1.0 + ratio))
