"""One benchmark of a deployment under one load: how many requests it sends, how often, of which lengths."""

from __future__ import annotations

import math
from dataclasses import dataclass

from advisor.spec.workloads.load_kind import LoadKind

REQUESTS_PER_CLIENT = 10
"""Requests of each client of a closed loop, as InferenceX and vLLM's own benchmarks send them.

An answer under a concurrency is what such a run shows: its first requests all come at once and are a tenth of
its mean."""
REPEATS = 3
"""The least that `measure` makes of a load."""
MIN_REQUESTS = 50
"""Least requests in one repeat of a closed loop: fewer have no tail."""
OPEN_LOOP_S = 60.0
"""How long requests arrive in an open loop: enough for the queue, where one grows, to show."""
MIN_OPEN_LOOP_REQUESTS, MAX_OPEN_LOOP_REQUESTS = 100, 2_000
MAXIMUM_REQUESTS = 1_000
"""All sent at once: more than an engine takes in together."""
MIN_WARMUP_REQUESTS, MAX_WARMUP_REQUESTS = 2, 16


def requests_to_send(load: LoadKind, level: float | None) -> int:
    """Requests in one repeat of a benchmark of ours: of `measure`, and of the checks that `--write` makes."""
    if load in ("single", "concurrency"):
        return max(MIN_REQUESTS, math.ceil(REQUESTS_PER_CLIENT * (level or 1.0)))
    if load == "rate":
        sent = round(OPEN_LOOP_S * (level or 1.0))
        return max(MIN_OPEN_LOOP_REQUESTS, min(MAX_OPEN_LOOP_REQUESTS, sent))
    return MAXIMUM_REQUESTS


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkRun:
    """What was sent, or is to be sent, and which part of it the figures are of."""

    load: LoadKind
    level: float | None = None
    """Clients of a closed loop, requests per second or batch size; None for single and maximum."""
    requests: int | None = None
    """Requests of one repeat; None: not known."""
    repeats: int = 1
    """Each starts anew: the figures are means over them."""
    is_steady: bool = False
    """Whether the figures leave out the run's start, when all clients send together, and its end."""
    input_std: float = 0.0
    output_std: float = 0.0
    """Standard deviations of the lengths over requests, in tokens."""
    burstiness: float = 1.0
    """Gamma shape of the gaps between arrivals of an open loop: 1 = Poisson."""

    def __post_init__(self) -> None:
        if self.requests is not None and self.requests < 1:
            raise ValueError(f"requests is {self.requests}; 1 or more")
        if self.repeats < 1:
            raise ValueError(f"repeats is {self.repeats}; 1 or more")

    @classmethod
    def planned(
        cls, load: LoadKind, level: float | None, *, requests: int | None = None, repeats: int = REPEATS
    ) -> BenchmarkRun:
        """A run that we make: of `requests_to_send`, unless their number is given."""
        return cls(
            load=load, level=level, requests=requests or requests_to_send(load, level), repeats=repeats
        )

    @property
    def num_prompts(self) -> int:
        """Requests of one repeat of a run that is to be made."""
        if self.requests is None:
            raise ValueError(f"a run of {self.load} that says no number of requests cannot be made")
        return self.requests

    @property
    def warmup_requests(self) -> int:
        """Sent before the run and in none of its figures: as many as come at once, up to a limit."""
        return max(MIN_WARMUP_REQUESTS, min(MAX_WARMUP_REQUESTS, int(self.level or 8)))

    @property
    def sent_together(self) -> float | None:
        """Requests of a run that sends all of them at once and ends with the last; None: it does not."""
        if self.load != "maximum" or self.requests is None or self.is_steady:
            return None
        return float(self.requests)

    @property
    def requests_per_client(self) -> float:
        """Requests that each client sends in one repeat; inf where the figures show no start of a run."""
        if self.sent_together is not None:
            return 1.0
        if self.load != "concurrency" or self.is_steady:
            return math.inf
        if self.requests is None or self.level is None:
            return float(REQUESTS_PER_CLIENT)
        return max(1.0, self.requests / self.level)
