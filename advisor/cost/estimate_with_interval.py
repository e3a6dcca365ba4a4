"""Estimate: a number with its 90 % interval and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Basis = Literal["measured", "fitted", "extrapolated", "roofline"]
BASES: Mapping[Basis, str] = {
    "measured": "the records have this very deployment under this very load",
    "fitted": "the model and the GPU are among the records",
    "extrapolated": "the model, the GPU or the engine's generation is not among the records",
    "roofline": "physics alone: bytes ÷ bandwidth, operations ÷ rate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value, its 90 % interval, and its basis; refuses a value outside its own interval."""

    value: float
    low: float
    high: float
    basis: Basis

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"{self.value} is outside its own interval [{self.low}, {self.high}]")

    def scaled(self, factor: float) -> Estimate:
        """This estimate in another unit; `factor` > 0."""
        return Estimate(
            value=self.value * factor,
            low=self.low * factor,
            high=self.high * factor,
            basis=self.basis,
        )

    def inverse(self, factor: float = 1.0) -> Estimate:
        """factor / value, ends swapped; all positive."""
        return Estimate(
            value=factor / self.value,
            low=factor / self.high,
            high=factor / self.low,
            basis=self.basis,
        )
