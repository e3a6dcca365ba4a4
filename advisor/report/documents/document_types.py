"""The documents that programs get, as types: their keys, what may stand there, and a line on each.

mypy holds the functions that write the documents to these types, and `schemas` makes JSON Schemas of them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from advisor.advise.choose.assessment import RefusalKind
from advisor.report.documents.certainty_and_sensitivity_types import (
    CrossoverDocument,
    DecisionDocument,
    DifferenceDocument,
    SuggestionDocument,
)
from advisor.report.documents.shared_document_types import (
    FROM_0,
    NONE,
    AssessmentDocument,
    Count,
    CountFrom1,
    DeploymentDocument,
    JudgedDocument,
    MaybeUsd,
    ModelDocument,
    OfferDocument,
    PickDocument,
    Probability,
    RefusalDocument,
    Usd,
    Version,
    WorkloadDocument,
    rule,
)


class RankedDocument(JudgedDocument):
    refusals: Annotated[list[RefusalDocument], NONE]
    rank: CountFrom1
    tied_with_first: bool
    pareto: Annotated[bool, "No other beats it in cost, latency and recovery at once."]


class RefusedDocument(TypedDict):
    deployment: DeploymentDocument
    keeps_all_limits: Annotated[Probability, "Probability that all limits are kept at once."]
    usd_per_hour: Annotated[MaybeUsd, "Cost of all GPUs; null: no price is known."]
    excess: Annotated[float | None, FROM_0]
    likely_kept: Annotated[bool, "Refused only because the estimates are not certain enough."]
    refusals: Annotated[list[RefusalDocument], rule(minItems=1)]


class ReasonDocument(TypedDict):
    kind: RefusalKind
    limit: str
    count: CountFrom1
    nearest: Annotated[RefusedDocument, "The deployment that misses the limit by the least."]


class CountsDocument(TypedDict):
    ranked: Count
    refused: Count
    pareto: Count


class FleetKindDocument(JudgedDocument):
    """A deployment with its replicas, judged under its share of the load: it keeps all limits itself."""

    refusals: Annotated[list[RefusalDocument], NONE]
    router_weight: Annotated[
        CountFrom1,
        "Share of the requests that the router sends to this kind: its weight ÷ the sum of all weights.",
    ]
    load_share: Annotated[
        float, rule(exclusiveMinimum=0, exclusiveMaximum=1), "Share of the whole load that this kind takes."
    ]
    load: Annotated[Usd, "Load that this kind takes, in `load_unit`."]
    capacity: Annotated[
        Usd,
        "The highest load at which it keeps all limits with the confidence asked for; the whole load where "
        "it would carry that.",
    ]


class FleetDocument(TypedDict):
    usd_per_hour: Usd
    usd_per_month: Annotated[Usd, "Cost of 730 hours."]
    keeps_all_limits: Annotated[
        Probability,
        "Probability that every kind keeps all limits under its share of the load; errors that kinds have "
        "in common count once.",
    ]
    load_unit: Literal["requests_per_s", "concurrency"]
    served_model_name: Annotated[str, "What requests call the model, whichever kind answers."]
    kinds: Annotated[
        list[FleetKindDocument], rule(minItems=2), "One for each kind of GPU, the largest share first."
    ]


class SingleKindDocument(TypedDict):
    deployment: DeploymentDocument
    usd_per_hour: MaybeUsd
    keeps_all_limits: Probability


class MixDocument(TypedDict):
    recommended: Annotated[
        bool,
        "Whether the fleet is cheaper than the best single kind by more than a tie, or the only one that "
        "keeps the limits.",
    ]
    saving_share: Annotated[
        float | None,
        "Share of the single kind's cost that the fleet saves, negative where it is dearer; null where one "
        "of the two is missing.",
    ]
    usd_per_hour: Annotated[MaybeUsd, "Cost of what is recommended; null: nothing keeps the limits."]
    fleet: Annotated[
        FleetDocument | None,
        "null: no two kinds keep all limits together with the confidence asked for.",
    ]
    best_single_kind: Annotated[
        SingleKindDocument | None, "The cheapest in USD per hour; null: none keeps the limits."
    ]
    deployments_considered: Annotated[Count, "Deployments of one replica that could be part of a fleet."]


class _Recommendation(TypedDict):
    version: Version
    model: ModelDocument
    workload: WorkloadDocument
    picks: Annotated[
        list[PickDocument],
        rule(maxItems=3),
        "At most three to choose between. recommended: the best by the objective at the confidence asked "
        "for. surer: the cheapest that keeps all limits nearly always. cheaper: the cheapest that "
        "keeps them more often than not; measure it first.",
    ]
    frontier: Annotated[
        list[OfferDocument],
        "What certainty costs: offers of which none is both dearer and less certain than another, the "
        "cheapest first.",
    ]
    ranked: list[RankedDocument]
    refused_by_reason: Annotated[list[ReasonDocument], "One entry for each limit that is missed by most."]
    refused: Annotated[list[RefusedDocument], "Every refused deployment with --top all; empty without."]
    counts: Annotated[CountsDocument, "Deployments in all; with --top the lists are shorter."]
    smallest_that_holds: Annotated[
        DeploymentDocument | None,
        "When the model fits nowhere: the smallest deployment that would hold it.",
    ]
    decision: Annotated[
        DecisionDocument | None, "How certain the choice is and what would change it; null: not asked for."
    ]
    notes: Annotated[list[str], "What was assumed or left out."]
    fit: Annotated[dict[str, Any], "What the numbers rest on: rows, sources, held-out error."]


class RecommendationDocument(_Recommendation, total=False):
    """What `quantadvise recommend --output json` prints."""

    mixed: Annotated[
        MixDocument,
        "Only with --allow-mixed: the cheapest fleet of two or more kinds of GPU beside the best single "
        "kind.",
    ]


class CrossoverAnswer(CrossoverDocument):
    """What `quantadvise crossover --output json` prints: where the best format or GPU changes."""

    version: Version
    model: Annotated[str, "Name of the model."]
    workload: WorkloadDocument
    notes: Annotated[list[str], "Parts of the question that play no part in the answer."]


class SuggestionAnswer(TypedDict):
    """What `quantadvise measure-next --output json` prints: the measurements worth making."""

    version: Version
    model: Annotated[str, "Name of the model."]
    workload: WorkloadDocument
    suggestion: SuggestionDocument
    notes: Annotated[list[str], "Parts of the question that play no part in the answer."]


class ComparisonAnswer(TypedDict):
    """What `quantadvise compare --output json` prints: two deployments or two result files."""

    version: Version
    a: Annotated[str, "Deployment or result file that is compared."]
    b: Annotated[str, "Deployment or result file that is compared."]
    workload: Annotated[WorkloadDocument | None, "The load of two deployments; null of two result files."]
    differences: list[DifferenceDocument]
    notes: list[str]


class _Prediction(TypedDict):
    version: Version
    model: ModelDocument
    workload: WorkloadDocument
    prediction: AssessmentDocument


class PredictionAnswer(_Prediction, total=False):
    """What `quantadvise predict --output json` prints: one deployment in full."""

    api_usd_per_thousand_queries: Annotated[
        float, FROM_0, "Where the workload states api_price: what a hosted API asks for its requests."
    ]
    replay: Annotated[
        dict[str, Any], "Where the workload is a request log: what its requests meet, simulated one by one."
    ]
