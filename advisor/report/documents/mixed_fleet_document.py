"""A fleet of several kinds of GPU as plain values: the key `mixed` of a recommendation's document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.advise.choose.assessment import Assessment
from advisor.advise.mixed.fleet import Fleet, FleetPart, Mix
from advisor.report.commands.serve_commands import common_name
from advisor.report.documents.deployment_document import deployment_document
from advisor.report.documents.recommendation_document import assessment_document
from advisor.spec.reading.amounts import HOURS_PER_MONTH
from advisor.spec.workloads.workload import Workload
from advisor.units import MONEY_DECIMALS

if TYPE_CHECKING:
    from advisor.report.documents.document_types import (
        FleetDocument,
        FleetKindDocument,
        MixDocument,
        SingleKindDocument,
    )


def mix_document(mix: Mix) -> MixDocument:
    """The cheapest fleet of two or more kinds beside the best single kind, and which of them is advised."""
    return {
        "recommended": mix.recommended,
        "saving_share": mix.saving,
        "usd_per_hour": mix.usd_per_hour,
        "fleet": None if mix.fleet is None else _fleet(mix.fleet, mix.workload),
        "best_single_kind": None if mix.single is None else _single(mix.single),
        "deployments_considered": mix.kinds,
    }


def _fleet(fleet: Fleet, workload: Workload) -> FleetDocument:
    return {
        "usd_per_hour": fleet.usd_per_hour,
        "usd_per_month": round(fleet.usd_per_hour * HOURS_PER_MONTH, MONEY_DECIMALS),
        "keeps_all_limits": fleet.keeps_all_limits,
        "load_unit": "requests_per_s" if workload.load.arrival.kind == "rate" else "concurrency",
        "served_model_name": common_name(fleet.parts[0].deployment.model),
        "kinds": [_part(part) for part in fleet.parts],
    }


def _part(part: FleetPart) -> FleetKindDocument:
    return {
        "router_weight": part.weight,
        "load_share": part.share,
        "load": part.load,
        "capacity": part.capacity,
        **assessment_document(part.assessment),
    }


def _single(single: Assessment) -> SingleKindDocument:
    return {
        "deployment": deployment_document(single.deployment),
        "usd_per_hour": None if single.cost is None else single.cost.usd_per_hour,
        "keeps_all_limits": single.keeps_all_limits,
    }
