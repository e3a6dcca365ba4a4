"""How sure a choice is and what would change it, as plain values for JSON and YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.report.documents.deployment_document import deployment_document
from advisor.spec.api_price import ApiPrice
from advisor.spec.deployment import Deployment
from advisor.spec.reading.amounts import HOURS_PER_DAY, HOURS_PER_MONTH
from advisor.units import MONEY_DECIMALS, S_PER_HOUR

if TYPE_CHECKING:
    from advisor.advise.certainty.choice_probability import ChoiceProbability, Rival
    from advisor.advise.certainty_and_sensitivity import Decision
    from advisor.advise.choose.certainty_frontier import Offer, Pick
    from advisor.advise.measuring.best_measurements import Measurement, Suggestion
    from advisor.advise.sensitivity.change_point import Flip
    from advisor.advise.sensitivity.crossover import Crossover
    from advisor.advise.sensitivity.own_or_api import OwnOrApi, TrafficBreakEven, TrafficPoint
    from advisor.advise.sensitivity.ways_out_if_infeasible import WayOut
    from advisor.report.documents.certainty_and_sensitivity_types import (
        ChangePointDocument,
        CrossoverDocument,
        DecisionDocument,
        MeasurementDocument,
        OwnOrApiDocument,
        RivalDocument,
        SuggestionDocument,
        SurenessDocument,
        TrafficBreakEvenDocument,
        TrafficPointDocument,
        WayOutDocument,
    )
    from advisor.report.documents.shared_document_types import (
        ApiPriceDocument,
        DeploymentDocument,
        OfferDocument,
        PickDocument,
    )


def decision_document(decision: Decision) -> DecisionDocument:
    return {
        "sure": None if decision.sure is None else sureness_document(decision.sure),
        "prices": [
            {
                "gpu": price.gpu,
                "gpu_label": price.label,
                "usd_per_gpu_hour": price.usd_per_gpu_hour,
                "changes_at_usd_per_gpu_hour": price.at_usd_per_gpu_hour,
                "low_usd_per_gpu_hour": price.low_usd_per_gpu_hour,
                "high_usd_per_gpu_hour": price.high_usd_per_gpu_hour,
                "to": deployment_document(price.to),
            }
            for price in decision.prices
        ],
        "crossover": None if decision.crossover is None else crossover_document(decision.crossover),
        "settles": None if decision.settles is None else _measurement(decision.settles),
        "ways_out": [_way_out(way) for way in decision.ways_out],
        "loosened": None if decision.loosened is None else _way_out(decision.loosened),
        "own_or_api": None if decision.own_or_api is None else own_or_api_document(decision.own_or_api),
        "flips": None if decision.flips is None else [_flip(flip) for flip in decision.flips],
    }


def sureness_document(sure: ChoiceProbability) -> SurenessDocument:
    return {
        "verdict": sure.verdict,
        "keeps_all_limits": sure.keeps_all,
        "keeps_limit": {kept.limit: kept.probability for kept in sure.limits},
        "is_best": sure.best,
        "expected_loss_share": sure.loss,
        "rival": _rival(sure.rival),
        "fewer_replicas": _rival(sure.fewer),
    }


def crossover_document(crossover: Crossover) -> CrossoverDocument:
    return {
        "over": crossover.axis.over,
        "levels": list(crossover.axis.levels),
        "here": crossover.here,
        "stretches": [
            {
                "first": stretch.first,
                "last": stretch.last,
                "best": _or_none(stretch.best),
                "best_at_last": _or_none(stretch.until),
                "either_of": [deployment_document(d) for d in stretch.either],
            }
            for stretch in crossover.stretches
        ],
        "crossings": [
            {
                "level": crossing.level,
                "following": crossing.following,
                "low": crossing.low,
                "high": crossing.high,
                "why": crossing.why,
                "limit": crossing.limit or None,
                "basis": crossing.basis,
            }
            for crossing in crossover.crossings
        ],
    }


def suggestion_document(suggestion: Suggestion) -> SuggestionDocument:
    return {
        "kept_for_sure": suggestion.kept,
        "sure": None
        if suggestion.sure is None
        else {
            "deployment": deployment_document(suggestion.sure.deployment),
            **sureness_document(suggestion.sure),
        },
        "most_that_could_be_saved_share": suggestion.loss,
        "expected_gain_share": suggestion.gain,
        "gpu_minutes": suggestion.gpu_minutes,
        "why_nothing": suggestion.why_nothing or None,
        "usd_per_hour": suggestion.usd_per_hour,
        "may_fall_to_usd_per_hour": suggestion.may_fall_to,
        "measurements": [_measurement(m) for m in suggestion.measurements],
    }


def _measurement(m: Measurement) -> MeasurementDocument:
    return {
        "what": m.what,
        "deployment": deployment_document(m.deployment),
        "load": {"kind": m.arrival.kind, "value": m.arrival.value},
        "gpu_minutes": m.gpu_minutes,
        "expected_gain_share": m.gain,
        "sure_then": m.sure_then,
    }


def pick_document(pick: Pick) -> PickDocument:
    return {"role": pick.role, **offer_document(pick.offer)}


def offer_document(offer: Offer) -> OfferDocument:
    return {
        "deployment": deployment_document(offer.deployment),
        "usd_per_hour": offer.usd_per_hour,
        "usd_per_month": _money(offer.usd_per_month),
        "keeps_all_limits": offer.keeps_all_limits,
        "tightest_limit": (
            {"limit": offer.tightest, "probability": offer.keeps_tightest} if offer.tightest else None
        ),
    }


def _way_out(way: WayOut) -> WayOutDocument:
    return {
        "change": way.change,
        "limit": way.limit or None,
        "from": way.bound,
        "to": way.to,
        "deployment": deployment_document(way.deployment),
        "usd_per_hour": way.usd_per_hour,
        "keeps_all_limits": way.keeps_all_limits,
    }


def _flip(flip: Flip) -> ChangePointDocument:
    return {
        "assumption": flip.assumption,
        "unit": flip.unit,
        "now": flip.now,
        "changes_at": flip.at,
        "low": flip.low,
        "high": flip.high,
        "basis": flip.basis,
        "why": flip.why,
        "limit": flip.limit or None,
        "whose": flip.whose,
        "to": _or_none(flip.to),
        "before": _or_none(flip.before),
        "usd_per_hour_before": flip.usd_per_hour_before,
    }


def _rival(rival: Rival | None) -> RivalDocument | None:
    if rival is None:
        return None
    return {"deployment": deployment_document(rival.deployment), "probability": rival.probability}


def _or_none(deployment: Deployment | None) -> DeploymentDocument | None:
    return None if deployment is None else deployment_document(deployment)


def own_or_api_document(found: OwnOrApi) -> OwnOrApiDocument:
    """Costs are of a day, 24 hours; traffic is its mean."""
    first, lasting = found.first, found.lasting
    return {
        "api_price": api_price_document(found.api_price),
        "api_usd_per_request": found.usd_per_request,
        "utilization": found.utilization,
        "utilization_is_assumed": found.is_assumed,
        "first": None if first is None else _traffic_break_even(first),
        "lasting": None if lasting is None else _traffic_break_even(lasting),
        "break_evens": [_traffic_break_even(one) for one in found.break_evens],
        "here": None if found.here is None else _traffic_point(found.here),
        "curve": [_traffic_point(point) for point in found.points],
    }


def _traffic_break_even(one: TrafficBreakEven) -> TrafficBreakEvenDocument:
    price = one.price
    return {
        "requests_per_s": one.requests_per_s,
        "low_requests_per_s": one.low,
        "high_requests_per_s": one.high,
        "requests_per_day": one.requests_per_s * S_PER_HOUR * HOURS_PER_DAY,
        "requests_per_month": one.requests_per_s * S_PER_HOUR * HOURS_PER_MONTH,
        "cheaper_above": one.cheaper,
        "deployment": _or_none(one.fleet),
        "usd_per_gpu_hour": None if price is None else price.usd_per_gpu_hour,
        "price_source": None if price is None else price.source,
        "price_date": None if price is None else price.date or None,
        "basis": one.basis,
    }


def _traffic_point(point: TrafficPoint) -> TrafficPointDocument:
    return {
        "requests_per_s": point.requests_per_s,
        "own_usd_per_day": _money(point.own_usd_per_day),
        "api_usd_per_day": round(point.api_usd_per_day, MONEY_DECIMALS),
        "own_is_cheaper": point.own_cheaper,
        "deployment": _or_none(point.fleet),
    }


def api_price_document(price: ApiPrice) -> ApiPriceDocument:
    """USD per million tokens."""
    return {"prompt": price.prompt, "cached": price.cached, "answer": price.answer}


def _money(usd: float | None) -> float | None:
    """USD without the noise that a product of floats has."""
    return None if usd is None else round(usd, MONEY_DECIMALS)
