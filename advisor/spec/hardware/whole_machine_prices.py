"""Machines that are rented whole: what replicas cost on the sizes that one provider has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

ROUNDING = 1e-9
"""Share of a machine's price that a sum of prices may be off."""

Sizes = tuple[tuple[int, float], ...]
"""(GPUs of a machine, USD per hour for all of it), one for each size."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """Machines that hold some replicas."""

    usd_per_hour: float
    num_gpus: int
    """GPUs that are paid for, used or not."""


def that_hold(sizes: Sizes, gpus_per_replica: int, gpus_per_node: int) -> Sizes:
    """The sizes that a replica can run on: within one machine, or filling several whole nodes where it spans
    more than a node of its kind."""
    return tuple(
        (size, usd)
        for size, usd in sizes
        if size >= gpus_per_replica
        or (size >= gpus_per_node and gpus_per_replica > gpus_per_node and gpus_per_replica % size == 0)
    )


def purchase(sizes: Sizes, gpus_per_replica: int, replicas: int) -> Purchase:
    """The machines for so many replicas, of sizes `that_hold` them.

    The size at which a replica costs least is taken as often as it is filled; the rest takes what is cheapest
    for it, one more of that size included.
    """
    best, rest = _plan(sizes, gpus_per_replica)
    whole, left = divmod(replicas, best.replicas)
    return Purchase(
        usd_per_hour=whole * best.usd_per_hour + rest[left].usd_per_hour,
        num_gpus=whole * best.num_gpus + rest[left].num_gpus,
    )


def most_replicas(sizes: Sizes, gpus_per_replica: int, usd_per_hour: float) -> int:
    """The most replicas that cost no more than `usd_per_hour`."""
    best, rest = _plan(sizes, gpus_per_replica)
    whole = int(usd_per_hour / best.usd_per_hour + ROUNDING)
    left = usd_per_hour - whole * best.usd_per_hour + ROUNDING * best.usd_per_hour
    return whole * best.replicas + max(n for n, one in enumerate(rest) if n == 0 or one.usd_per_hour <= left)


def usd_of_replica(sizes: Sizes, gpus_per_replica: int) -> float:
    """USD per hour of a replica where replicas fill the machines: at the size where it is least."""
    best, _ = _plan(sizes, gpus_per_replica)
    return best.usd_per_hour / best.replicas


def lots(sizes: Sizes, gpus_per_replica: int) -> tuple[tuple[int, float], ...]:
    """(replicas that it holds, USD per hour) of the least that can be bought of each size."""
    made = (_lot(size, usd, gpus_per_replica) for size, usd in sizes)
    return tuple((lot.replicas, lot.usd_per_hour) for lot in made)


def size_for_one(sizes: Sizes, gpus_per_replica: int) -> int:
    """GPUs of the machine that a single replica is cheapest on."""
    return min(sizes, key=lambda one: (_lot(one[0], one[1], gpus_per_replica).usd_per_hour, one[0]))[0]


@dataclass(frozen=True, slots=True)
class _Lot:
    """The smallest purchase of one size that holds a replica, and how many it holds."""

    replicas: int
    num_gpus: int
    usd_per_hour: float


@lru_cache(maxsize=4_096)
def _plan(sizes: Sizes, gpus_per_replica: int) -> tuple[_Lot, Sequence[Purchase]]:
    """The size at which a replica costs least, and the cheapest purchase for fewer replicas than it holds."""
    lots = [_lot(size, usd, gpus_per_replica) for size, usd in sizes]
    best = min(lots, key=lambda lot: (lot.usd_per_hour / lot.replicas, lot.num_gpus))
    rest = [Purchase(0.0, 0)]
    for n in range(1, best.replicas):
        options = [
            Purchase(
                lot.usd_per_hour + rest[max(n - lot.replicas, 0)].usd_per_hour,
                lot.num_gpus + rest[max(n - lot.replicas, 0)].num_gpus,
            )
            for lot in lots
        ]
        rest.append(min(options, key=lambda one: (one.usd_per_hour, one.num_gpus)))
    return best, tuple(rest)


def _lot(size: int, usd_per_hour: float, gpus_per_replica: int) -> _Lot:
    machines = ceil(gpus_per_replica / size)
    return _Lot(max(size // gpus_per_replica, 1), machines * size, machines * usd_per_hour)
