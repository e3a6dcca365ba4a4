"""The 90 % interval of a mean: Student's t where it was repeated a few times, the normal's where often."""

from __future__ import annotations

Z90 = 1.645
"""The standard normal's 95 % quantile: nine of ten draws lie within it on both sides."""
T90 = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812)
"""Student's t, 95 % quantile for 1 to 10 degrees of freedom."""


def t90(free: float) -> float:
    """Student's t, 95 % quantile: exact up to 10 degrees of freedom, within 0.5 % beyond."""
    whole = max(1, int(free))
    return T90[whole - 1] if whole <= len(T90) else Z90 + 1.6 / whole


def half_width_90(stderr: float, repeats: int | None = None) -> float:
    """Half the 90 % interval of a mean with this standard error over `repeats`; None: over very many."""
    if repeats is not None and repeats < 2:
        raise ValueError(f"{repeats} repeats have no standard error")
    return stderr * (Z90 if repeats is None else t90(repeats - 1))
