"""How sure a choice is, what would change it and what to measure, as types of documents."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from advisor.advise.certainty.choice_probability import Verdict
from advisor.advise.compare.deployments import Basis as ComparisonBasis
from advisor.advise.measuring.best_measurements import What
from advisor.advise.sensitivity.change_point import ChangeBasis, Whose
from advisor.advise.sensitivity.own_or_api import Cheaper
from advisor.advise.sensitivity.varied_load_property import Over
from advisor.advise.sensitivity.ways_out_if_infeasible import Change
from advisor.advise.sensitivity.why_best_changes import Why
from advisor.cost.estimate_with_interval import Basis
from advisor.report.documents.shared_document_types import (
    FROM_0,
    ApiPriceDocument,
    DeploymentDocument,
    MaybeUsd,
    Probability,
    Usd,
    rule,
)
from advisor.spec.workloads.load_kind import ArrivalKind


class RivalDocument(TypedDict):
    deployment: DeploymentDocument
    probability: Probability


class SurenessDocument(TypedDict):
    verdict: Verdict
    keeps_all_limits: Probability
    keeps_limit: dict[str, Probability]
    is_best: Annotated[
        Probability,
        "Probability that it keeps every limit and no other that does is better by more than 1 %.",
    ]
    expected_loss_share: Annotated[
        float | None,
        FROM_0,
        "What knowing the best would save on average, of its objective; null without prices.",
    ]
    rival: RivalDocument | None
    fewer_replicas: RivalDocument | None


class SureOfDocument(SurenessDocument):
    deployment: DeploymentDocument


class PriceChangeDocument(TypedDict):
    gpu: str
    gpu_label: str
    usd_per_gpu_hour: Usd
    changes_at_usd_per_gpu_hour: Usd
    low_usd_per_gpu_hour: Annotated[Usd, "90 % interval of the price at which it changes."]
    high_usd_per_gpu_hour: Usd
    to: DeploymentDocument


class StretchDocument(TypedDict):
    first: float
    last: float
    best: Annotated[DeploymentDocument | None, "null: nothing keeps the limits."]
    best_at_last: DeploymentDocument | None
    either_of: Annotated[
        list[DeploymentDocument],
        "Where predictions cannot tell which is best of several whose bills are alike: one of each; else "
        "empty.",
    ]


class CrossingDocument(TypedDict):
    level: float
    following: float
    low: float | None
    high: float | None
    why: Why
    limit: str | None
    basis: Annotated[Basis, "Weakest basis of the predictions that decide."]


class CrossoverDocument(TypedDict):
    """Where the best format or GPU changes as one thing about the load is varied."""

    over: Over
    levels: list[float]
    here: Annotated[float | None, "The workload's own value of what is varied."]
    stretches: list[StretchDocument]
    crossings: Annotated[
        list[CrossingDocument],
        "One fewer than the stretches; nine of ten truly lie between low and high (null: beyond the range).",
    ]


class LoadDocument(TypedDict):
    kind: ArrivalKind
    value: Annotated[float | None, "Requests in flight, or requests per second."]


class MeasurementDocument(TypedDict):
    what: What
    deployment: Annotated[DeploymentDocument, "Deployment to measure, one replica."]
    load: Annotated[LoadDocument, "Load of one replica."]
    gpu_minutes: Usd
    expected_gain_share: Annotated[
        float,
        "What it is expected to save beyond those before it, of the objective of the first (of the best "
        "bet).",
    ]
    sure_then: Annotated[
        Probability | None,
        "Probability that something then keeps every limit with the confidence asked for; null: something "
        "does now.",
    ]


WayOutDocument = TypedDict(
    "WayOutDocument",
    {
        "change": Annotated[
            Change,
            "limit: it is loosened. confidence: less is asked for. budget: a larger one. gpus: more GPUs. "
            "budget and gpus: both, where neither alone is enough. gpu: any GPU with a known price. The "
            "deployment is the cheapest an hour that then keeps all.",
        ],
        "limit": str | None,
        "from": float | None,
        "to": float | None,
        "deployment": DeploymentDocument,
        "usd_per_hour": MaybeUsd,
        "keeps_all_limits": Probability,
    },
)


class ChangePointDocument(TypedDict):
    assumption: str
    unit: str
    now: float | None
    changes_at: float
    low: Annotated[
        float | None,
        "Nine times of ten the change truly lies between low and high (null: beyond the values looked at).",
    ]
    high: float | None
    basis: Annotated[ChangeBasis, "as asked: the question and its prices alone decide."]
    why: Why
    limit: str | None
    whose: Annotated[
        Whose, "Whose limit or replicas decide: those of what is first now, or of what is first then."
    ]
    to: DeploymentDocument | None
    before: Annotated[
        DeploymentDocument | None,
        "What is first just before the change: what is first now, maybe with other replicas, or another of "
        "its kind. null: not looked at, or nothing keeps the limits there.",
    ]
    usd_per_hour_before: MaybeUsd


class TrafficBreakEvenDocument(TypedDict):
    """A mean traffic above which the other of the two costs less."""

    requests_per_s: Usd
    low_requests_per_s: Annotated[
        float | None,
        "90 % interval, for errors of the predictions; equal ends: prices alone decide. null: it cannot be "
        "told from the change before (after) it, or lies beyond the traffic looked at.",
    ]
    high_requests_per_s: float | None
    requests_per_day: Usd
    requests_per_month: Annotated[Usd, "Requests in 730 hours."]
    cheaper_above: Cheaper
    deployment: Annotated[
        DeploymentDocument | None, "The cheapest own fleet just above it; null: nothing keeps the limits."
    ]
    usd_per_gpu_hour: float | None
    price_source: str | None
    price_date: str | None
    basis: Annotated[Basis | None, "What the deployment's prediction rests on."]


class TrafficPointDocument(TypedDict):
    requests_per_s: Annotated[Usd, "Mean traffic over a day."]
    own_usd_per_day: Annotated[float | None, "null: nothing keeps the limits."]
    api_usd_per_day: Annotated[float, FROM_0]
    own_is_cheaper: Annotated[
        Probability, "Probability that a fleet which costs no more than the API keeps all limits."
    ]
    deployment: Annotated[DeploymentDocument | None, "The cheapest own fleet that keeps all limits."]


class OwnOrApiDocument(TypedDict):
    """What a day costs over the mean traffic: own GPUs, paid all day, against a hosted API."""

    api_price: ApiPriceDocument
    api_usd_per_request: Usd
    utilization: Annotated[
        float,
        rule(exclusiveMinimum=0, maximum=1),
        "The fleet is sized for the mean traffic ÷ this.",
    ]
    utilization_is_assumed: bool
    first: Annotated[TrafficBreakEvenDocument | None, "The least traffic from which owning costs less."]
    lasting: Annotated[
        TrafficBreakEvenDocument | None,
        "From where owning costs less for as far as was looked; null: the API does in the end.",
    ]
    break_evens: Annotated[list[TrafficBreakEvenDocument], "Every one, ascending: fleets grow in steps."]
    here: Annotated[TrafficPointDocument | None, "Costs at the workload's own rate; null: it has none."]
    curve: Annotated[
        list[TrafficPointDocument],
        "Ascending; between two points the cost of a fleet lies between theirs. Empty: no GPU has a known "
        "price.",
    ]


class DecisionDocument(TypedDict):
    sure: SurenessDocument | None
    prices: Annotated[
        list[PriceChangeDocument],
        "Prices of one kind of GPU at which another deployment becomes the cheapest, the nearest first.",
    ]
    crossover: CrossoverDocument | None
    settles: Annotated[
        MeasurementDocument | None, "The measurement that helps most to choose between the picks."
    ]
    ways_out: Annotated[
        list[WayOutDocument],
        "Where nothing keeps the limits: one change each, with the deployment that then keeps them. A limit "
        "is loosened as little as it can be and, second, as far as the cheapest fleet needs that keeps the "
        "others.",
    ]
    loosened: Annotated[
        WayOutDocument | None,
        "Where something keeps them: the limit that, up to a quarter looser, lets something cheaper keep "
        "them all, with the cheapest such deployment; null: none saves a tenth of the bill.",
    ]
    own_or_api: Annotated[
        OwnOrApiDocument | None, "Own GPUs against the workload's api_price; null: it states none."
    ]
    flips: Annotated[
        list[ChangePointDocument] | None,
        "Each assumption with the value at which the choice changes, the nearest first; null: only with "
        "--explain.",
    ]


class SuggestionDocument(TypedDict):
    kept_for_sure: Annotated[bool, "Whether something now keeps every limit with the confidence asked for."]
    sure: Annotated[
        SureOfDocument | None,
        "How sure the choice is now; where nothing keeps the limits for sure, of the best bet; null: nothing "
        "has a chance to keep them.",
    ]
    most_that_could_be_saved_share: Annotated[
        float, FROM_0, "Mean saving from knowing everything, a share of the objective."
    ]
    expected_gain_share: Annotated[float, "Mean saving from all the measurements, a share of the objective."]
    gpu_minutes: Annotated[float, FROM_0]
    why_nothing: Annotated[str | None, "Reason why nothing is worth measuring; null: something is."]
    usd_per_hour: Annotated[float | None, "Cost of the recommended pick."]
    may_fall_to_usd_per_hour: Annotated[
        float | None, "Cost of the cheaper pick, which a measurement may admit."
    ]
    measurements: Annotated[list[MeasurementDocument], "Measurements, the most gain per GPU-minute first."]


class DifferenceDocument(TypedDict):
    name: str
    unit: Annotated[str, "Unit of `a` and `b`; empty for a bare number."]
    a: Annotated[float | None, "null: it has none, as an overloaded deployment has no latencies."]
    b: float | None
    change: Annotated[float | None, "b ÷ a − 1; of a score, b − a in points; null where one has no figure."]
    change_is: Literal["share", "points"]
    low: Annotated[float | None, "90 % interval of the change; null where it cannot be said."]
    high: float | None
    significant: Annotated[bool | None, "null: cannot be said."]
    rests_on: ComparisonBasis
