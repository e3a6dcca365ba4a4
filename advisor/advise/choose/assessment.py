"""Assessment: a row of the judged table: a deployment, what it costs, which limits it misses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from advisor.cost.estimate_with_interval import Estimate
from advisor.cost.predict.prediction import Prediction
from advisor.spec.deployment import Deployment
from advisor.spec.hardware.gpu import Price
from advisor.spec.workloads.workload import Goodput

if TYPE_CHECKING:
    from advisor.record.measurement import FailedRun

RefusalKind = Literal[
    "convention",
    "format",
    "engine",
    "seen",
    "memory",
    "context",
    "capacity",
    "latency",
    "goodput",
    "recovery",
    "evidence",
    "price",
    "budget",
]
"""convention: the workload's convention on GPU counts takes another split.
seen: it was tried and failed. format: the GPU cannot run it. engine: this release is too old for it.
memory: it does not fit. context: it fits, but not the longest request.
capacity: requests arrive faster than they can be served. budget: too many USD per hour.
evidence: nobody measured what the format loses. price: no price is known, so it cannot be ranked by cost."""

SERVES_NOTHING: frozenset[RefusalKind] = frozenset({"format", "engine", "seen", "memory", "context"})
"""Refusals of what does not start, or does not take the longest request, whatever limits are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One limit that a deployment does not keep; `documents.missed_limit_words` says it in words."""

    kind: RefusalKind
    bound: float | None = None
    """What was requested, in the limit's unit: ms, requests per second, a share, USD per hour, tokens."""
    metric: str = ""
    statistic: str = ""
    """`mean` or a percentile, where the limit is on a latency; else empty."""
    goodput: Goodput | None = None
    """The share of requests that the percentile vouches for."""
    expected: Estimate | None = None
    """What is expected instead, in the bound's unit; None where nothing with an interval is."""
    excess: float | None = None
    """Share by which the value that holds with the confidence asked for misses the limit: 0.9 = 90 % beyond.
    None = no matter of degree."""
    probability: float = 0.0
    """That this limit is kept, whatever becomes of the others."""
    likely_kept: bool = False
    """True when the expected value keeps the limit, but not with the confidence asked for."""
    run: FailedRun | None = None
    """The run that showed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a deployment costs under its load, all its GPUs together."""

    price: Price
    """The price that was taken; it has its provider, date and source."""
    usd_per_hour: float
    gpus_bought: int
    """GPUs that are paid for; more than the deployment's where machines are rented whole."""
    usd_per_million_output_tokens: Estimate | None
    usd_per_thousand_queries: Estimate | None


def _no_prediction() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A deployment, judged. Kept when nothing refuses it: all limits hold with the confidence asked for."""

    deployment: Deployment
    cost: Cost | None
    """None when no price of the GPU is known."""
    refusals: tuple[Refusal, ...] = ()
    keeps_all_limits: float = 0.0
    """The probability that all limits are kept at once."""
    objective: float | None = None
    """What the workload's objective makes small; None where it cannot be predicted."""
    predicted: Callable[[], Prediction | None] = field(default=_no_prediction, repr=False, compare=False)
    """Makes the prediction: thousands are judged, and few are read."""

    @property
    def prediction(self) -> Prediction | None:
        """None when the GPU cannot run the format at all."""
        return self.predicted()

    @property
    def kept(self) -> bool:
        return not self.refusals

    @property
    def likely(self) -> bool:
        """True when it is refused only because the estimates are not certain enough."""
        return bool(self.refusals) and all(refusal.likely_kept for refusal in self.refusals)

    @property
    def serves(self) -> bool:
        """Whether it is expected to start and to take the longest request, whatever limits it misses."""
        return not any(r.kind in SERVES_NOTHING and not r.likely_kept for r in self.refusals)

    @property
    def excess(self) -> float | None:
        """How far the worst limit is missed; None when some refusal is not a matter of degree."""
        missed = [refusal.excess for refusal in self.refusals]
        known = [share for share in missed if share is not None]
        return max(known) if known and len(known) == len(missed) else None

    def estimate(self, metric: str, statistic: str = "mean") -> Estimate | None:
        """The predicted latency, ms; None when it was not requested or does not exist."""
        prediction = self.prediction
        return None if prediction is None else prediction.latency.get((metric, statistic))

    @property
    def usd_per_million_output_tokens(self) -> Estimate | None:
        return None if self.cost is None else self.cost.usd_per_million_output_tokens

    @property
    def requests_per_s(self) -> Estimate | None:
        prediction = self.prediction
        return None if prediction is None else prediction.requests_per_s

    @property
    def recovery(self) -> Estimate | None:
        prediction = self.prediction
        return None if prediction is None else prediction.recovery
