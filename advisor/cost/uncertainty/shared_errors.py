"""The parts of prediction errors that deployments of one model share.

The lasting part of a prediction's error is a sum: one that all deployments of the model share under a kind of
load, one by GPU, one by format, one by both, and its own. Shared parts cancel when two are compared.
`learn_shares` says how large each is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from advisor.cost.uncertainty.error_class import EVERY_ENGINE, Distance, EngineClass, ErrorClass, error_class
from advisor.spec.workloads.load_kind import LoadClass

TOKEN_RATE, TTFT = "slow", "ttft"
"""The two errors under one load: that of the token rate (TPOT, E2E and throughput share it) and that of TTFT.
Random draws are seeded by these words: another word would draw other errors."""
_METRIC_OF_TOKEN_RATE = {"single": "e2e", "maximum": "throughput"}
"""The metric with most measurements of the token rate, by kind of load; TPOT under the others."""


def shared_class(
    error: str, load: LoadClass, distance: Distance, engine: EngineClass = EVERY_ENGINE
) -> ErrorClass:
    """The class whose interval and ratios say what predictions share."""
    metric = "ttft" if error == TTFT else _METRIC_OF_TOKEN_RATE.get(load, "tpot")
    return error_class(metric, "mean", load, engine, distance)


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


ALONE = Shares()
"""Nothing known of what is shared: errors count as independent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedErrors:
    """Shares by class of error."""

    table: Mapping[ErrorClass, Shares] = field(default_factory=dict)
    first_token: float = 0.0
    """Correlation of a deployment's error in TTFT with that in its token rate, under load."""

    def of(
        self, error: str, load: LoadClass, distance: Distance, engine: EngineClass = EVERY_ENGINE
    ) -> Shares:
        """What a prediction shares with others of its model; nothing where no pair has been measured."""
        for kernels in (engine, engine._replace(fp4=None)):
            for one in shared_class(error, load, distance, kernels).wider():
                if one in self.table:
                    return self.table[one]
        return ALONE
