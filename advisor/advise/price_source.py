"""Where a question's prices come from: the user's own, a named list, the live catalog, the shipped table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from advisor.advise.choose.deployment_cost import PriceOf
from advisor.errors import InputError, unknown
from advisor.spec.hardware.catalog import known_gpus
from advisor.spec.hardware.gpu import GpuSpec, Price
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.hardware.prices import LIVE, TERMS, checked_usd_per_gpu_hour, one_price_each, price_of

if TYPE_CHECKING:
    from advisor.spec.hardware.live_prices import LivePrices


def live_prices(pricing: str | None, *, region: str | None = None) -> LivePrices | None:
    """The prices that were fetched last, for a `pricing` of `live` or `live-spot`; None for another.

    Nothing is fetched here: `quantadvise prices update` does. Raises InputError for a region that is none.
    """
    if pricing is None or pricing not in LIVE:
        if region is not None:
            raise InputError("--region: needs live prices; add --pricing live")
        return None
    from advisor.spec.hardware.live_catalog import folder, read_catalog
    from advisor.spec.hardware.live_prices import LivePrices
    from advisor.spec.hardware.price_age import today

    return LivePrices(read_catalog(folder()), pricing=pricing, today=today(), region=region)


def price_source(
    own: Mapping[str, float] | None,
    *,
    pricing: str | None,
    price_list: str | None,
    region: str | None = None,
    live: LivePrices | None = None,
) -> PriceOf:
    """Prices that the user states; else those of the named list, the live catalog or the shipped table.

    The shipped table takes the place of a live catalog that was never fetched.
    """
    overrides = one_price_each(
        (find_gpu(name).name, checked_usd_per_gpu_hour(usd, where=f"price of {name}"))
        for name, usd in (own or {}).items()
    )
    if pricing is not None and pricing not in (*TERMS, *LIVE):
        raise unknown("price term", pricing, (*TERMS, *LIVE))
    live = live or live_prices(pricing, region=region)
    term = live.term if live is not None else "on-demand" if pricing is None else pricing

    def look_up(gpu: GpuSpec, num_gpus: int) -> Price | None:
        is_stated = gpu.name in overrides or price_list is not None or gpu.prices
        if live is not None and live.catalog is not None and not is_stated:
            return live.price(gpu, num_gpus)
        return price_of(gpu, num_gpus, term=term, price_list=price_list, overrides=overrides)

    look_up(known_gpus()[0], 1)  # an unknown term or list is said before anything is computed
    known: dict[tuple[str, int], Price | None] = {}

    def remembered(gpu: GpuSpec, num_gpus: int) -> Price | None:
        key = (gpu.name, num_gpus)
        if key not in known:
            known[key] = look_up(gpu, num_gpus)
        return known[key]

    return remembered
