"""How much of a prediction's error it shares with other predictions for the same model.

The standing error of a prediction has parts: one that all deployments of the model share under a kind of
load, one by GPU, one by format, one by both, and its own. Shared parts cancel when two are compared.
`learn_shares` says how large each is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

PACE, TTFT = "pace", "ttft"
"""The two errors under one load: TPOT, E2E and throughput are one error seen three ways, the first token is
another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Parts of the variance of one kind of error; they add up to 1."""

    model: float = 0.0
    """Common to all deployments of the model."""
    gpu: float = 0.0
    """Common to all its formats on one kind of GPU."""
    format: float = 0.0
    """Common to all GPUs that run it in one format."""
    pair: float = 0.0
    """Common to one format on one kind of GPU, however split."""
    own: float = 1.0
    """The deployment's alone."""
    pairs: int = 0
    """Pairs of held-out errors it was learnt from."""

    def correlation(self, *, same_gpu: bool, same_format: bool) -> float:
        """Of the errors of two deployments of one model."""
        found = self.model
        if same_gpu:
            found += self.gpu
        if same_format:
            found += self.format
        if same_gpu and same_format:
            found += self.pair
        return found


ALONE = Shares()
"""Nothing known of what is shared: errors count as independent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedErrors:
    """Shares by kind of error, load and distance from the data."""

    table: Mapping[str, Shares] = field(default_factory=dict)
    first_token: float = 0.0
    """Correlation of a deployment's error in TTFT with that in the pace of its tokens, under load."""

    def of(self, error: str, load: str, distance: str) -> Shares:
        return self.table.get(key(error, load, distance), ALONE)

    def document(self) -> dict[str, Any]:
        """As plain values, for the fit's file."""
        rows = {name: asdict(shares) for name, shares in sorted(self.table.items())}
        return {"first_token": self.first_token, "shares": rows}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> SharedErrors:
        """Back from `document`."""
        table = {name: Shares(**shares) for name, shares in document["shares"].items()}
        return cls(table=table, first_token=float(document["first_token"]))


def key(error: str, load: str, distance: str) -> str:
    return f"{error} {load} {distance}"
