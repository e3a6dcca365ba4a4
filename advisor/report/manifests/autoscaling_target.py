"""How many requests a replica may hold before another is started, or why that cannot be said."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from advisor.display_text import number
from advisor.report.documents.missed_limit_words import refusal_text
from advisor.report.manifests.named_deployment import Subject
from advisor.units import MS_PER_S

METRIC = "vllm_num_requests_running"
"""vLLM's gauge `vllm:num_requests_running`, renamed: the metrics API takes no colon in a name."""

GROWTH = 2
"""Autoscaling ends at so many times the advised replicas: a bound on the bill, ours to choose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """What a HorizontalPodAutoscaler aims at."""

    running_per_replica: int
    """Requests in flight on one replica at the advised load: there the limits were judged."""
    min_replicas: int
    max_replicas: int


def scaling_of(subject: Subject) -> Scaling | str:
    """The target, or the reason why there is none."""
    prediction, arrival = subject.prediction, subject.prediction.load.arrival
    replicas = subject.deployment.replicas
    if subject.kind:
        return "the router's shares are for these replicas"
    if subject.num_nodes > 1:
        return "a replica takes several machines, which a HorizontalPodAutoscaler cannot start together"
    if arrival.kind == "single":
        return "one request at a time never needs a second replica"
    if arrival.kind == "maximum":
        return "at maximum throughput every replica is always full, so there is no level to hold"
    if prediction.status not in ("stable", "saturated"):
        return "the load is more than the advised replicas serve, so its level is not a target"
    if subject.assessment is not None and not subject.assessment.kept:
        missed = "; ".join(
            refusal_text(subject.assessment, refusal) for refusal in subject.assessment.refusals
        )
        return f"the limits are not kept at the advised load ({missed}), so its level is not a target"
    in_flight = _in_flight(subject)
    if in_flight is None:
        return "the requests in flight at the advised load cannot be said"
    per_replica = floor(in_flight / replicas)
    if per_replica < 1:
        return (
            f"a replica holds {number(in_flight / replicas, digits=2)} requests on average at the advised "
            "load, and a target below one request would start replicas without need"
        )
    return Scaling(running_per_replica=per_replica, min_replicas=replicas, max_replicas=GROWTH * replicas)


def _in_flight(subject: Subject) -> float | None:
    """Requests in all replicas at once: given, or rate × time in the system (Little's law)."""
    arrival = subject.prediction.load.arrival
    if arrival.value is None:
        return None
    rate = arrival.value
    if arrival.kind == "concurrency":
        served = subject.prediction.requests_per_s
        if not subject.prediction.load.conversation.pauses or served is None:
            return arrival.value
        rate = served.value  # users who think are not in flight
    e2e = subject.prediction.latency.get(("e2e", "mean"))
    return None if e2e is None else rate * e2e.value / MS_PER_S
