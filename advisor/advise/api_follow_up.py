"""`crossover`, `measure_next` and `compare`: the library's functions for what is asked after an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from advisor.advise.api import choice_of, engine_of, shipped_predictor, shipped_quality
from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.compare import deployments as side_by_side
from advisor.advise.compare.deployments import Difference, parse_deployment
from advisor.advise.measuring import best_measurements as suggest
from advisor.advise.measuring.best_measurements import Suggestion
from advisor.advise.mixed.fleet import Mix, mix
from advisor.advise.price_source import price_source
from advisor.advise.sensitivity import crossover as along
from advisor.advise.sensitivity.crossover import Crossover
from advisor.advise.sensitivity.varied_load_property import Over
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine
from advisor.spec.models.catalog import find_model
from advisor.spec.models.model import ModelSpec
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import Workload

if TYPE_CHECKING:
    from advisor.cost.predict.predictor import Predictor
    from advisor.cost.quality.quality_model import QualityModel
    from advisor.spec.hardware.live_prices import LivePrices


def crossover(
    model: str | ModelSpec,
    workload: str | Workload,
    *,
    over: Over,
    low: float | None = None,
    high: float | None = None,
    predictor: Predictor | None = None,
    quality: QualityModel | None = None,
    **choice: Any,
) -> Crossover:
    """Where the format or the GPU that `recommend` puts first changes as `over` goes from `low` to `high`.

    What may be chosen from and the prices are said as in `recommend`. Raises InputError.
    """
    asked = choice_of(model, workload, **choice)
    levels = along.usual_axis(asked, over, low=low, high=high)
    return along.crossover(asked, levels, predictor or shipped_predictor(), quality or shipped_quality())


def measure_next(
    recommendation: Recommendation,
    *,
    count: int = 3,
    predictor: Predictor | None = None,
    quality: QualityModel | None = None,
) -> Suggestion | None:
    """Which measurements would improve the choice most per GPU-minute; None for an answer made by hand."""
    return suggest.measure_next(
        recommendation, predictor or shipped_predictor(), quality or shipped_quality(), count=count
    )


def mixed_fleet(
    recommendation: Recommendation,
    *,
    predictor: Predictor | None = None,
    quality: QualityModel | None = None,
) -> Mix | None:
    """The cheapest fleet of two or more kinds of GPU beside the best single kind; None for an answer made by
    hand.

    Raises InputError for a load that cannot be shared, MissingToolError without SciPy (extra `mixed`).
    """
    return mix(recommendation, predictor or shipped_predictor(), quality or shipped_quality())


def compare(
    first: str | Deployment,
    second: str | Deployment,
    workload: str | Workload,
    *,
    model: str | ModelSpec | None = None,
    engine: str | Engine | None = None,
    prices: Mapping[str, float] | None = None,
    pricing: str | None = None,
    region: str | None = None,
    live: LivePrices | None = None,
    predictor: Predictor | None = None,
    quality: QualityModel | None = None,
) -> tuple[Difference, ...]:
    """The difference of every figure of two deployments, written `fp8@H100` (with a `model`) or as values.

    Prices are said as in `recommend`. Raises InputError.
    """
    asked = load_workload(workload) if isinstance(workload, str) else workload
    served = find_model(model) if isinstance(model, str) else model
    runs_on = engine_of(engine, asked)

    def deployment(said: str | Deployment) -> Deployment:
        if isinstance(said, Deployment):
            return said
        if served is None:
            raise TypeError(f"'{said}' names no model; say model=")
        return parse_deployment(said, served, runs_on, asked.quality.recipe)

    return side_by_side.compare(
        deployment(first),
        deployment(second),
        asked,
        price_source(prices, pricing=pricing, price_list=asked.price_list, region=region, live=live),
        predictor or shipped_predictor(),
        quality or shipped_quality(),
    )
