"""LivePrices: what replicas cost on the machines of the live catalog, at the provider in the middle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from advisor.errors import InputError, nearest
from advisor.spec.hardware.gpu import GpuSpec, Price
from advisor.spec.hardware.live_catalog import LiveCatalog, Machine
from advisor.spec.hardware.price_age import OLD_DAYS, age_text
from advisor.spec.hardware.prices import LIVE, lower_median, newest_day, plausible
from advisor.spec.hardware.whole_machine_prices import (
    Sizes,
    purchase,
    size_for_one,
    that_hold,
    usd_of_replica,
)
from advisor.spec.reading.given_value import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The machines with one kind of GPU that a provider has in one region."""

    provider: str
    region: str
    machines: Mapping[int, Machine] = field(hash=False)
    """By their number of GPUs, the cheapest of each."""

    def sizes(self, gpu: GpuSpec, num_gpus: int) -> Sizes:
        """Sizes of machines that a replica on `num_gpus` can run on."""
        every = tuple((size, machine.usd_per_hour) for size, machine in sorted(self.machines.items()))
        return that_hold(every, num_gpus, gpu.gpus_per_node)


class LivePrices:
    """Prices of one term in one region, and how old they are."""

    def __init__(
        self, catalog: LiveCatalog | None, *, pricing: str, today: date, region: str | None = None
    ) -> None:
        """catalog None: none was ever fetched; the shipped table's prices stand in.

        Raises InputError for a region that no machine is in.
        """
        self.catalog, self.term, self.today = catalog, LIVE[pricing], today
        self.region = region
        self._places: dict[str, tuple[Place, ...]] = {}
        if catalog is not None:
            self._places = _places(catalog, is_spot=self.term == "spot", region=region)

    def places(self, gpu: str) -> tuple[Place, ...]:
        """Where a GPU of our catalog is rented."""
        return self._places.get(gpu, ())

    def price(self, gpu: GpuSpec, num_gpus: int) -> Price | None:
        """What one replica on `num_gpus` costs.

        Of the providers, each with its cheapest region, the one at the lower median per GPU-hour is taken,
        outliers left out, as in the shipped table. A machine is rented whole; the price knows the sizes, so
        that further replicas may fill it. None where no machine holds a replica.
        """
        assert self.catalog is not None, "without a catalog the shipped table has the prices"
        cheapest: dict[str, tuple[float, str, Place, Sizes]] = {}
        for place in self.places(gpu.name):
            sizes = place.sizes(gpu, num_gpus)
            if not sizes:
                continue
            entry = (usd_of_replica(sizes, num_gpus) / num_gpus, place.region, place, sizes)
            known = cheapest.get(place.provider)
            if known is None or entry[:2] < known[:2]:
                cheapest[place.provider] = entry
        if not cheapest:
            return None
        ranked = sorted(cheapest.values(), key=lambda one: (one[0], one[2].provider))
        kept = plausible(ranked, lambda one: one[0])
        _, _, place, sizes = lower_median(kept)
        one = purchase(sizes, num_gpus, 1)
        machine = place.machines[size_for_one(sizes, num_gpus)]
        return Price(
            provider=place.provider,
            num_gpus=one.num_gpus,
            usd_per_hour=one.usd_per_hour,
            term=self.term,
            date=self.catalog.fetched.isoformat(),
            source=f"gpuhunt {self.catalog.gpuhunt}, catalog {self.catalog.versions[place.provider]}",
            note=f"lower median of {len(kept)} providers" if len(kept) > 1 else "",
            region=place.region,
            machine=machine.name,
            sizes=sizes,
        )

    def notes(self) -> tuple[str, ...]:
        """What prices these are, and how old."""
        where = "" if self.region is None else f" in '{self.region}'"
        if self.catalog is None:
            newest = newest_day(self.term)
            if newest is None:
                return (f"no live prices were ever fetched, and the shipped table has none of {self.term}",)
            age = (self.today - newest).days
            anywhere = "" if self.region is None else f"; they are of any region, not of '{self.region}'"
            return (
                "no live prices were ever fetched (quantadvise prices update): prices are the shipped "
                f"table's, the newest of {newest.isoformat()}, {_age(age)}{anywhere}",
            )
        age = self.catalog.age_days(self.today)
        providers = len(self.catalog.versions)
        return (
            f"{self.term} prices{where} are gpuhunt's of {self.catalog.fetched.isoformat()}, {_age(age)}, of "
            f"{providers} provider{'s' if providers != 1 else ''}; machines are rented whole",
        )


def _age(days: int) -> str:
    text = age_text(days)
    return f"{text}, which is old: quantadvise prices update" if days > OLD_DAYS else text


def _places(catalog: LiveCatalog, *, is_spot: bool, region: str | None) -> dict[str, tuple[Place, ...]]:
    """By GPU."""
    inside = [m for m in catalog.machines if region is None or region.lower() in m.region.lower()]
    if region is not None and not inside:
        near = nearest(region, catalog.regions)
        remedy = f"did you mean {', '.join(near)}?" if near else "quantadvise prices show lists regions"
        raise InputError(f"--region: no machine of the catalog is in '{plain(region)}'; {remedy}")
    sizes: dict[tuple[str, str, str], dict[int, Machine]] = defaultdict(dict)
    for machine in inside:
        if machine.is_spot is not is_spot:
            continue
        of = sizes[machine.gpu, machine.provider, machine.region]
        known = of.get(machine.num_gpus)
        if known is None or (machine.usd_per_hour, machine.name) < (known.usd_per_hour, known.name):
            of[machine.num_gpus] = machine
    found: dict[str, list[Place]] = defaultdict(list)
    for (gpu, provider, place), of in sorted(sizes.items()):
        found[gpu].append(Place(provider=provider, region=place, machines=of))
    return {gpu: tuple(places) for gpu, places in found.items()}
