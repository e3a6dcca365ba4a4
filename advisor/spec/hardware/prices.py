"""What GPUs cost to rent: the catalog's dated offers, named price lists, and the choice among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, TypeVar

from advisor.errors import InputError, unknown
from advisor.spec.hardware.gpu import MAX_USD_PER_GPU_HOUR, MIN_USD_PER_GPU_HOUR, GpuSpec, Price
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.hardware.whole_machine_prices import purchase, that_hold
from advisor.spec.reading.amounts import usd_per_hour
from advisor.spec.reading.catalog_yaml import read_catalog

T = TypeVar("T")

TERMS = ("on-demand", "marketplace", "spot", "1yr", "3yr", "ownership")
"""on-demand: the provider's own machines, by the hour. marketplace: other people's machines, cheaper and
without promises. spot: may be taken away. 1yr, 3yr: committed. ownership: estimated cost of owning."""
LIVE: Mapping[str, str] = {"live": "on-demand", "live-spot": "spot"}
"""What `--pricing` says for the live catalog, and the term that it is."""

FRESH_DAYS = 365
"""Offers older than the newest one for a GPU by more than this are stale and not chosen by default."""
OUTLIER_FACTOR = 3.0
"""Offers this many times above or below the providers' median are not chosen by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one provider asks for one kind of GPU, by how many are rented together."""

    provider: str
    bundles: tuple[tuple[int, float], ...]
    """(GPUs, USD per hour for all of them), largest first."""
    term: str
    date: str
    source: str

    @property
    def usd_of_one(self) -> float:
        """USD per GPU-hour of the smallest bundle."""
        size, usd_per_hour = self.bundles[-1]
        return usd_per_hour / size

    def price(self, num_gpus: int, note: str = "") -> Price:
        """`num_gpus` put together from the largest bundles; what is left over takes the next larger bundle
        where that is cheaper. Where no GPU is sold alone, machines are rented whole."""
        if self.bundles[-1][0] > 1:
            return self._of_machines(num_gpus, note)
        largest, usd_of_largest = self.bundles[0]
        whole, left = divmod(num_gpus, largest)
        usd_per_hour = whole * usd_of_largest
        if left:
            usd_per_hour += min([self._together(left), *(usd for size, usd in self.bundles if size > left)])
        return Price(
            provider=self.provider,
            num_gpus=num_gpus,
            usd_per_hour=usd_per_hour,
            term=self.term,
            date=self.date,
            source=self.source,
            note=note,
        )

    def _of_machines(self, num_gpus: int, note: str) -> Price:
        """Price of the machines that hold one replica on `num_gpus`: of one, or of several that it fills."""
        sizes = that_hold(self.bundles, num_gpus, 1) or self.bundles
        one = purchase(sizes, num_gpus, 1)
        return Price(
            provider=self.provider,
            num_gpus=one.num_gpus,
            usd_per_hour=one.usd_per_hour,
            term=self.term,
            date=self.date,
            source=self.source,
            note=note,
            machine=f"machines of {' or '.join(str(size) for size, _ in sorted(sizes))}",
            sizes=sizes,
        )

    def _together(self, num_gpus: int) -> float:
        """The bundles that make up `num_gpus`, the largest first; the smallest is a single GPU."""
        usd_per_hour = 0.0
        for size, usd in self.bundles:
            count, num_gpus = divmod(num_gpus, size)
            usd_per_hour += count * usd
        return usd_per_hour


def price_of(
    gpu: GpuSpec,
    num_gpus: int,
    *,
    term: str = "on-demand",
    price_list: str | None = None,
    overrides: Mapping[str, float] | None = None,
) -> Price | None:
    """What `num_gpus` of `gpu` cost per hour when rented together; None when no price is known.

    The first of these that says something:
    1. `overrides`: USD per GPU-hour by GPU name, as `parse_price` returns them;
    2. `price_list`: exactly what the named list says, or nothing;
    3. the prices in the GPU's own file;
    4. the catalog. Each provider speaks once, with its newest offer of that term; offers more than
       `FRESH_DAYS` older than the newest, or `OUTLIER_FACTOR` away from the median, are left out; of the
       rest the provider at the lower median (per GPU) is taken for every count, so that the price is one
       that somebody asks. No other term stands in for a missing one.

    Raises InputError for an unknown term or list, or a count below 1.
    """
    if num_gpus < 1:
        raise InputError(f"price of {num_gpus} GPUs: give a count of 1 or more")
    if term not in TERMS:
        raise unknown("price term", term, TERMS)
    if overrides and gpu.name in overrides:
        usd = overrides[gpu.name] * num_gpus
        return Price(
            provider="own",
            num_gpus=num_gpus,
            usd_per_hour=usd,
            term=term,
            date="",
            source="given by the user",
        )
    if price_list is not None:
        listed = _lists().get(price_list)
        if listed is None:
            raise unknown("price list", price_list, _lists())
        return next((offer.price(num_gpus) for offer in listed.get(gpu.name, ())), None)
    own = [price for price in gpu.prices if price.term == term]
    if own:
        return _own_offer(own).price(num_gpus)
    return _typical(offers(gpu, term=term), num_gpus)


def price_lists() -> tuple[str, ...]:
    """Names of the price lists: `paper-2024-10` holds the seed paper's prices."""
    return tuple(_lists())


def offers(gpu: GpuSpec, *, term: str = "on-demand") -> tuple[Offer, ...]:
    """Every offer of the catalog for `gpu` and `term`, newest first, then by provider."""
    found = [offer for offer in _catalog().get(gpu.name, ()) if offer.term == term]
    return tuple(sorted(found, key=lambda offer: (_days(offer.date) * -1, offer.provider)))


def parse_price(text: str) -> tuple[str, float]:
    """`H100=2.5` or `H100:2.50` as (GPU name of the catalog, USD per GPU-hour).

    Raises InputError for another form, an unknown GPU, or a price that is none.
    """
    name, separator, amount = text.replace("=", ":", 1).rpartition(":")
    if not separator and text.strip().isdigit():
        raise InputError(
            f"price '{text}': is no GPU with a price; a comma stands between two prices, a point in a "
            "number: H100=2.5"
        )
    if not separator or not name.strip():
        raise InputError(f"price '{text}': expected a GPU and USD per GPU-hour; write it like H100=2.5")
    where = f"price '{text}'"
    usd = checked_usd_per_gpu_hour(usd_per_hour(amount, where=where, zero=True), where=where)
    return find_gpu(name.strip()).name, usd


OWNED = (
    "; a GPU that is paid for costs its power and what it could be sold for: 450 W at 0.30 USD per kWh are "
    "0.135 USD an hour"
)


def checked_usd_per_gpu_hour(usd: float, *, where: str) -> float:
    """`usd`, where it can be the price of a GPU-hour. Raises InputError."""
    if not MIN_USD_PER_GPU_HOUR <= usd <= MAX_USD_PER_GPU_HOUR:
        raise InputError(
            f"{where}: {usd:g} is not from {MIN_USD_PER_GPU_HOUR:g} to {MAX_USD_PER_GPU_HOUR:,.0f} USD "
            f"per GPU-hour{'' if usd else OWNED}"
        )
    return usd


def parse_prices(texts: Iterable[str]) -> dict[str, float]:
    """The overrides that several `--price` options say. Raises InputError for two prices of one GPU."""
    return one_price_each(parse_price(text) for text in texts)


def one_price_each(prices: Iterable[tuple[str, float]]) -> dict[str, float]:
    """USD per GPU-hour by name of the catalog. Raises InputError where a GPU has two prices."""
    found: dict[str, float] = {}
    for name, usd in prices:
        if found.setdefault(name, usd) != usd:
            raise InputError(f"price of {name}: stated twice, {found[name]:g} and {usd:g} USD; keep one")
    return found


def newest_day(term: str) -> date | None:
    """The newest day among the catalog's offers of a term; None where it has none."""
    days = [date.fromisoformat(o.date) for of in _catalog().values() for o in of if o.term == term]
    return max(days, default=None)


def _typical(found: tuple[Offer, ...], num_gpus: int) -> Price | None:
    if not found:
        return None
    newest = _days(found[0].date)
    by_provider: dict[str, Offer] = {}
    for offer in found:
        if newest - _days(offer.date) <= FRESH_DAYS:
            by_provider.setdefault(offer.provider, offer)
    # One provider for every count, so that more GPUs never cost less.
    ranked = sorted(by_provider.values(), key=lambda offer: (offer.usd_of_one, offer.provider))
    kept = plausible(ranked, lambda offer: offer.usd_of_one)
    note = f"lower median of {len(kept)} providers" if len(kept) > 1 else ""
    return lower_median(kept).price(num_gpus, note)


def plausible(ranked: Sequence[T], usd: Callable[[T], float]) -> list[T]:
    """Offers, in ascending order, that are within `OUTLIER_FACTOR` of their lower median."""
    middle = usd(lower_median(ranked))
    return [one for one in ranked if middle / OUTLIER_FACTOR <= usd(one) <= middle * OUTLIER_FACTOR]


def lower_median(ranked: Sequence[T]) -> T:
    """The middle one of ascending offers; of two in the middle the cheaper."""
    return ranked[(len(ranked) - 1) // 2]


def _own_offer(prices: list[Price]) -> Offer:
    first = prices[0]
    return Offer(
        provider=first.provider,
        bundles=_bundles({price.num_gpus: price.usd_per_hour for price in prices}),
        term=first.term,
        date=first.date,
        source=first.source,
    )


def _bundles(prices: Mapping[int, float]) -> tuple[tuple[int, float], ...]:
    return tuple(sorted(((int(size), float(usd)) for size, usd in prices.items()), reverse=True))


@lru_cache(maxsize=1)
def _catalog() -> Mapping[str, tuple[Offer, ...]]:
    document = read_catalog("prices.yaml")
    found: dict[str, tuple[Offer, ...]] = {}
    for block in document["offers"]:
        for gpu, block_offers in _block(block, document["sources"]).items():
            found[gpu] = found.get(gpu, ()) + block_offers
    return found


@lru_cache(maxsize=1)
def _lists() -> Mapping[str, Mapping[str, tuple[Offer, ...]]]:
    document = read_catalog("prices.yaml")
    return {name: _block(block, document["sources"]) for name, block in document["lists"].items()}


def _block(
    block: Mapping[str, Any], sources: Mapping[str, Mapping[str, str]]
) -> dict[str, tuple[Offer, ...]]:
    source = sources[block["source"]]
    return {
        gpu: tuple(
            Offer(
                provider=provider,
                bundles=_bundles(prices),
                term=block["term"],
                date=block["date"],
                source=f"{source['title']} ({source['licence']})",
            )
            for provider, prices in by_provider.items()
        )
        for gpu, by_provider in block["offers"].items()
    }


def _days(iso: str) -> int:
    """Days since the year 1, to compare dates; the clock is never asked."""
    return date.fromisoformat(iso).toordinal()
