"""How many benchmarks `measure --slo-search` saves against bisection, over simulated deployments.

    python -m benchmarks.slo_search [--deployments 50] [--seed 0]

A deployment has a maximum rate, a latency that grows as base / (1 - rate ÷ maximum)^power, and a limit.
Its prediction is off by an error drawn from the interval that is stated with it. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from advisor.measure.steps.slo_search import Z90, ExpectedRate, Probe, SloSearch

Benchmark = Callable[[float], tuple[bool, float | None]]
"""A rate → whether it keeps the limits, and its margin."""


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One deployment: its true latency curve, its limit, and what was predicted of it."""

    top: float
    power: float
    headroom: float
    """Limit ÷ latency of an idle server."""
    expected: ExpectedRate | None

    def benchmark(self, rate: float) -> tuple[bool, float | None]:
        """Whether the limit is kept at a rate, and the log of latency ÷ limit."""
        if rate >= self.top:
            return False, None
        margin = -self.power * math.log(1 - rate / self.top) - math.log(self.headroom)
        return margin <= 0, margin


def simulated(draw: random.Random) -> Simulated:
    """A deployment whose prediction errs as its interval states."""
    power, headroom = draw.uniform(0.4, 2.0), math.exp(draw.uniform(0.1, 2.5))
    share = 1 - headroom ** (-1 / power)
    spread = draw.uniform(0.05, 0.25)
    value = min(share * math.exp(draw.gauss(0, spread)), 1.0)
    reach = math.exp(Z90 * spread)
    expected = ExpectedRate(value=value, low=value / reach, high=value * reach)
    return Simulated(top=draw.uniform(0.5, 80), power=power, headroom=headroom, expected=expected)


def run(search: SloSearch, benchmark: Benchmark) -> SloSearch:
    """The search carried to its end."""
    while not search.done:
        step = search.next_step
        kept, margin = benchmark(search.rate(step))
        search.saw(Probe(step=step, kept=kept, margin=margin))
    return search


def bisected(deployment: Simulated) -> tuple[float, int]:
    """The highest step that keeps the limit and the benchmarks of plain bisection on the same grid."""
    search = SloSearch(top=deployment.top)
    count = 0
    while not search.done:
        step = (search.low + search.high) // 2
        kept, _ = deployment.benchmark(search.rate(step))
        search.saw(Probe(step=step, kept=kept))
        count += 1
    return search.rate(search.low), count


def compare(deployments: int, seed: int) -> dict[str, float]:
    """Benchmarks of both, and how often the guided search ends on a lower rate."""
    draw = random.Random(seed)
    plain, guided, worse, most = 0, 0, 0, 0
    for _ in range(deployments):
        one = simulated(draw)
        rate, count = bisected(one)
        search = run(SloSearch(top=one.top, expected=one.expected), one.benchmark)
        plain, guided = plain + count, guided + len(search.probes)
        worse += search.rate(search.low) < rate
        most = max(most, len(search.probes))
    return {
        "deployments": deployments,
        "bisection_runs": plain,
        "guided_runs": guided,
        "saved_pct": round(100 * (1 - guided / plain), 1),
        "most_guided_runs": most,
        "worse_answers": worse,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--deployments", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(json.dumps(compare(given.deployments, given.seed)))
