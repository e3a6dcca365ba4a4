"""Assessment: a deployment with what is expected of it, what it costs, and which limits it misses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from advisor.cost.estimate import Estimate
from advisor.cost.predict.prediction import Prediction
from advisor.spec.deployment import Deployment
from advisor.spec.hardware.gpu import Price
from advisor.text import span

RefusalKind = Literal[
    "format",
    "engine",
    "seen",
    "memory",
    "context",
    "capacity",
    "latency",
    "goodput",
    "recovery",
    "price",
    "budget",
]
"""seen: it was tried and failed. format: the GPU cannot run it. engine: this release is too old for it.
memory: it does not fit. context: it fits, but not the longest request.
capacity: requests arrive faster than they can be served. budget: too many USD per hour.
price: no price is known, so it cannot be ranked by cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One limit that a deployment does not keep, judged at the pessimistic end of the estimate."""

    kind: RefusalKind
    limit: str
    """What was asked: `ttft p95 <= 500 ms`."""
    expected: Estimate | None = None
    """What is expected instead, in `unit`; None where words alone can say it."""
    unit: str = ""
    words: str = ""
    """What is found, where it is no estimate; `{}` in it stands for the estimate."""
    digits: int = 3
    """Significant digits of the estimate that matter."""
    excess: float | None = None
    """Share by which the pessimistic end misses the limit: 0.9 = 90 % beyond. None = no matter of degree."""

    likely_kept: bool = False
    """True when the value itself keeps the limit and only the interval's pessimistic end does not."""

    @property
    def finding(self) -> str:
        """`812 (700–950) ms`. Made when read: a search judges thousands of deployments and tells of few."""
        if self.expected is None:
            return self.words
        seen = f"{span(self.expected, digits=self.digits)}{self.unit}"
        return self.words.format(seen) if self.words else seen

    @property
    def text(self) -> str:
        return f"{self.limit}: {self.finding}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a deployment costs under its load, all its GPUs together."""

    price: Price
    """The price that was taken; it has its provider, date and source."""
    usd_per_hour: float
    usd_per_million_output_tokens: Estimate | None
    usd_per_thousand_queries: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A deployment, judged. Kept when nothing refuses it."""

    deployment: Deployment
    prediction: Prediction | None
    """None when the GPU cannot run the format at all."""
    cost: Cost | None
    """None when no price of the GPU is known."""
    refusals: tuple[Refusal, ...] = ()

    @property
    def kept(self) -> bool:
        return not self.refusals

    @property
    def likely(self) -> bool:
        """True when it is refused only because the estimates are not sure enough."""
        return bool(self.refusals) and all(refusal.likely_kept for refusal in self.refusals)

    @property
    def excess(self) -> float | None:
        """How far the worst limit is missed; None when some refusal is not a matter of degree."""
        missed = [refusal.excess for refusal in self.refusals]
        known = [share for share in missed if share is not None]
        return max(known) if known and len(known) == len(missed) else None

    def estimate(self, metric: str, statistic: str = "mean") -> Estimate | None:
        """The predicted latency, ms; None when it was not asked or cannot be said."""
        if self.prediction is None:
            return None
        return self.prediction.latency.get((metric, statistic))

    @property
    def usd_per_million_output_tokens(self) -> Estimate | None:
        return None if self.cost is None else self.cost.usd_per_million_output_tokens

    @property
    def requests_per_s(self) -> Estimate | None:
        return None if self.prediction is None else self.prediction.requests_per_s

    @property
    def recovery(self) -> Estimate | None:
        return None if self.prediction is None else self.prediction.recovery
