"""What deployments cost under their loads: the price of their GPUs over what they serve."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from advisor.advise.choose.assessment import Cost
from advisor.cost.array_table import Floats, Ints, each_column
from advisor.cost.estimate_with_interval import Basis, Estimate
from advisor.cost.predict.prediction_table import Range
from advisor.display_text import listed, number
from advisor.spec.deployment import Deployment
from advisor.spec.hardware import whole_machine_prices
from advisor.spec.hardware.gpu import GpuSpec, Price
from advisor.spec.hardware.prices import price_of
from advisor.units import MONEY_DECIMALS, S_PER_HOUR, TOKENS_PER_MILLION

PriceOf = Callable[[GpuSpec, int], Price | None]
"""The price of a kind of GPU when so many are rented together; None = no price is known."""

THOUSAND = 1_000


def usd_per_hour(
    prices: Sequence[Price | None], tensor_parallel: Ints, replicas: Ints, *, least: int = 0
) -> Floats:
    """All replicas together, on whole machines where the price is of those; NaN where no price is known.

    least: GPUs that are paid for in any case, used or not.
    """
    one = np.array([np.nan if price is None else price.usd_per_gpu_hour for price in prices])
    usd = np.asarray(one * np.maximum(tensor_parallel * replicas, least))
    for i, price in enumerate(prices):
        if price is not None and price.sizes:
            usd[i] = _purchase(price.sizes, int(tensor_parallel[i]), int(replicas[i]), least).usd_per_hour
    return np.round(usd, MONEY_DECIMALS)


def gpus_bought(price: Price, tensor_parallel: int, replicas: int, *, least: int = 0) -> int:
    """GPUs that are paid for, used or not; least: in any case."""
    if not price.sizes:
        return max(tensor_parallel * replicas, least)
    return _purchase(price.sizes, tensor_parallel, replicas, least).num_gpus


def _purchase(
    sizes: whole_machine_prices.Sizes, tensor_parallel: int, replicas: int, least: int
) -> whole_machine_prices.Purchase:
    """The machines that hold the replicas, or the least number of GPUs where that is more."""
    made = whole_machine_prices.purchase(sizes, tensor_parallel, replicas)
    return made if made.num_gpus >= least else whole_machine_prices.purchase(sizes, 1, least)


def most_replicas(price: Price, tensor_parallel: int, usd_per_hour: float) -> int:
    """The most replicas that cost no more than `usd_per_hour` together."""
    if price.sizes:
        return whole_machine_prices.most_replicas(price.sizes, tensor_parallel, usd_per_hour)
    return int(usd_per_hour / (price.usd_per_gpu_hour * tensor_parallel) + whole_machine_prices.ROUNDING)


def lots(price: Price, tensor_parallel: int) -> tuple[tuple[int, float], ...]:
    """(replicas that it holds, USD per hour) of everything that can be bought at once."""
    if not price.sizes:
        return ((1, price.usd_per_gpu_hour * tensor_parallel),)
    return whole_machine_prices.lots(price.sizes, tensor_parallel)


def replicas_at_no_cost(price: Price | None, tensor_parallel: int) -> int:
    """Replicas that the machine which one needs holds for the same money."""
    if price is None or not price.sizes:
        return 1
    return most_replicas(price, tensor_parallel, price.usd_per_hour)


def usd_per_million(usd_per_hour: Floats, output_tokens_per_s: Range) -> Range:
    """USD per million output tokens; NaN where no price is known or nothing is served."""
    return inverse(output_tokens_per_s, usd_per_hour / S_PER_HOUR * TOKENS_PER_MILLION)


def inverse(of: Range, factor: Floats) -> Range:
    """factor ÷ values, ends swapped; NaN where there is none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        made = Range(value=factor / of.value, low=factor / of.high, high=factor / of.low)
    lost = ~(of.low > 0)
    return each_column(lambda array: np.where(lost, np.nan, array), made)


def cost_of(
    price: Price | None,
    served: Deployment,
    usd_per_hour: float,
    tokens_per_s: Estimate | None,
    queries_per_s: Estimate | None,
    *,
    least: int = 0,
) -> Cost | None:
    """The cost of one row; None when no price of its GPU is known. least: GPUs paid for in any case."""
    if price is None:
        return None
    usd_per_s = usd_per_hour / S_PER_HOUR
    return Cost(
        price=price,
        usd_per_hour=usd_per_hour,
        gpus_bought=gpus_bought(price, served.tensor_parallel, served.replicas, least=least),
        usd_per_million_output_tokens=_per(usd_per_s * TOKENS_PER_MILLION, tokens_per_s),
        usd_per_thousand_queries=_per(usd_per_s * THOUSAND, queries_per_s),
    )


def _per(usd: float, served: Estimate | None) -> Estimate | None:
    return None if served is None or served.low <= 0 else served.inverse(usd)


def estimate_at(of: Range, i: int, basis: Basis) -> Estimate | None:
    """One entry as an Estimate; None where the value does not exist."""
    value = float(of.value[i])
    if not np.isfinite(value):
        return None
    return Estimate(value=value, low=float(of.low[i]), high=float(of.high[i]), basis=basis)


def price_notes(
    gpus: Sequence[GpuSpec],
    price_of_gpus: PriceOf,
    *,
    by_cost: bool,
    budget: bool,
    pricing: str = "on-demand",
) -> tuple[str, ...]:
    """Named GPUs without a price, which come last or are left out, and spot prices above those on demand.

    Where no GPU has a price of the term asked for, those that have one on demand; else nothing: the question
    itself says then what takes the place of the cost.
    """
    prices = {gpu.name: (gpu, price_of_gpus(gpu, 1)) for gpu in gpus}
    without = [name for name, (_, price) in prices.items() if price is None]
    notes, term = [], "" if pricing == "on-demand" else f"{pricing} "
    usual_prices = {name: price_of(gpu, 1) for name, (gpu, _) in prices.items()}
    on_demand = [name for name, price in usual_prices.items() if price is not None]
    if without and len(without) == len(prices) and on_demand and pricing != "on-demand":
        have = "has one" if len(on_demand) == 1 else "have one"
        notes.append(
            f"no {pricing} price of {listed(without)} is known; {listed(on_demand)} {have} on demand: leave "
            f"--pricing out, or state it: --price {on_demand[0]}=USD"
        )
    if without and len(without) < len(prices) and (by_cost or budget):
        what = "left out, as a budget needs one" if budget else "ranked last"
        notes.append(f"no {term}price of {listed(without)}: {what}; state it: --price {without[0]}=USD")
    for name, (gpu, price) in prices.items():
        usual = price_of(gpu, 1) if price is not None and price.term == "spot" else None
        if price is not None and usual is not None and usual.usd_per_hour < price.usd_per_hour:
            notes.append(
                f"the spot price of {name} ({number(price.usd_per_hour)} USD/h, {price.provider}) is above "
                f"that on demand ({number(usual.usd_per_hour)}, {usual.provider}): leave --pricing spot out"
            )
    return tuple(notes)
