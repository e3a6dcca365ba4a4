"""Live figures of a server that is being measured: TTFT, TPOT, tokens per second, from its /metrics."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from advisor.measure.tools import http

EVERY_S = 2.0
"""Between two looks; each costs the server some milliseconds."""
DEADLINE_S = 2.0
"""For one whole look: a server too busy to answer is looked at the next time."""

_LINE = re.compile(r"^(vllm:\w+)(?:\{[^}]*\})? ([-+0-9.eE]+)$", re.MULTILINE)
_TTFT = ("vllm:time_to_first_token_seconds",)
_TPOT = ("vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds")
"""The second is what vLLM called it before 0.11."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counters since the server began; a pair is a sum in seconds and a count."""

    tokens: float
    ttft: tuple[float, float]
    tpot: tuple[float, float]


def parse(text: str) -> Totals | None:
    """The counters of vLLM's /metrics, engines added up; None when it is no such text."""
    sums: dict[str, float] = {}
    for name, value in _LINE.findall(text):
        sums[name] = sums.get(name, 0.0) + float(value)
    tokens = sums.get("vllm:generation_tokens_total")
    if tokens is None:
        return None

    def pair(names: tuple[str, ...]) -> tuple[float, float]:
        for name in names:
            if f"{name}_count" in sums:
                return sums.get(f"{name}_sum", 0.0), sums[f"{name}_count"]
        return 0.0, 0.0

    return Totals(tokens=tokens, ttft=pair(_TTFT), tpot=pair(_TPOT))


def words(before: Totals, now: Totals, seconds: float) -> str:
    """`TTFT 31 ms, TPOT 5.2 ms, 412 tokens/s`: what came between two looks; empty when nothing did."""
    parts = []
    for name, first, last in (("TTFT", before.ttft, now.ttft), ("TPOT", before.tpot, now.tpot)):
        count = last[1] - first[1]
        if count > 0:
            parts.append(f"{name} {1000 * (last[0] - first[0]) / count:.3g} ms")
    if now.tokens > before.tokens and seconds > 0:
        parts.append(f"{(now.tokens - before.tokens) / seconds:.3g} tokens/s")
    return ", ".join(parts)


class Watch:
    """A server watched since this was made; one that says nothing is left in peace."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/metrics"
        self.last = self._look()
        self.since = time.monotonic()

    def words(self) -> str:
        """How it stood between the last look and this one."""
        now = None if self.last is None else self._look()
        if self.last is None or now is None:
            return ""
        before, self.last = self.last, now
        start, self.since = self.since, time.monotonic()
        return words(before, now, self.since - start)

    def _look(self) -> Totals | None:
        try:
            return parse(http.fetch(self.url, deadline_s=DEADLINE_S).decode("utf-8", "replace"))
        except (OSError, ValueError):
            return None
