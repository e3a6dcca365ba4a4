"""All that is known of a choice beside the ranking: how sure it is, and what would change it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from advisor.advise.choose.confirm_by_simulation import rests_on_simulation
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.measuring.best_measurements import Measurement, settling
from advisor.advise.sensitivity.ways_out_if_infeasible import WayOut, ways_out

if TYPE_CHECKING:
    from advisor.advise.certainty.choice_probability import ChoiceProbability
    from advisor.advise.sensitivity.change_point import Flip
    from advisor.advise.sensitivity.crossover import Crossover
    from advisor.advise.sensitivity.own_or_api import OwnOrApi
    from advisor.advise.sensitivity.price_break_even import BreakEven
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Empty where nothing keeps the limits."""

    sure: ChoiceProbability | None = None
    prices: tuple[BreakEven, ...] = ()
    crossover: Crossover | None = None
    settles: Measurement | None = None
    """The measurement that helps most to choose between the picks."""
    ways_out: tuple[WayOut, ...] = ()
    """Where nothing keeps the limits: what would have to change."""
    loosened: WayOut | None = None
    """Where something keeps them: the limit that, a little looser, would save most."""
    own_or_api: OwnOrApi | None = None
    """None: the workload states no price of an API."""
    flips: tuple[Flip, ...] | None = None
    """None: not asked for; it takes longer than the recommendation itself."""


def decision(
    recommendation: Recommendation,
    *,
    predictor: Predictor | None = None,
    quality: QualityModel | None = None,
    explain: bool = False,
    api: bool = True,
) -> Decision:
    """How sure the first is, the prices and the loads at which another would be.

    With `explain` every assumption that could flip it; with `api` the break-even with the price of an API
    that the workload states. What is known must be what the recommendation was made with (by default what
    ships).
    """
    from advisor.advise.api import shipped_predictor, shipped_quality
    from advisor.advise.certainty.choice_probability import contest, sureness
    from advisor.advise.sensitivity.change_points import flips
    from advisor.advise.sensitivity.crossover import nearby
    from advisor.advise.sensitivity.loosened_limit import loosened
    from advisor.advise.sensitivity.own_or_api import own_or_api
    from advisor.advise.sensitivity.price_break_even import break_evens

    known, scores = predictor or shipped_predictor(), quality or shipped_quality()
    prices = break_evens(recommendation, known, scores)
    of = contest(recommendation, known, scores)
    simulated = rests_on_simulation(recommendation.table)
    return Decision(
        sure=None if of is None else sureness(of),
        prices=prices,
        crossover=None if simulated else nearby(recommendation, known, scores),
        settles=settling(recommendation, known, scores),
        ways_out=ways_out(recommendation, known, scores),
        loosened=loosened(recommendation, known, scores),
        own_or_api=own_or_api(recommendation, known, scores) if api else None,
        flips=flips(recommendation, prices, known, scores) if explain else None,
    )


def short_decision(
    recommendation: Recommendation,
    *,
    predictor: Predictor | None = None,
    quality: QualityModel | None = None,
) -> Decision:
    """What the short answer shows of a decision: what settles it, the ways out, the break-even with an API.

    The rest takes as long as the recommendation itself; who asks for more pays for it.
    """
    from advisor.advise.api import shipped_predictor, shipped_quality

    known, scores = predictor or shipped_predictor(), quality or shipped_quality()
    api = None
    if recommendation.workload.api_price is not None:
        from advisor.advise.sensitivity.own_or_api import own_or_api

        api = own_or_api(recommendation, known, scores)
    return Decision(
        settles=settling(recommendation, known, scores),
        ways_out=ways_out(recommendation, known, scores),
        own_or_api=api,
    )
