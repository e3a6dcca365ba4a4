"""How far the closed form of conversations is from the simulation, on random loads and engines.

`python benchmarks/conversations.py [CASES]` draws users or requests per second, turns, think times, system
prompts, histories and sizes of the KV cache, with textbook step times, and prints for each case the share of
prompt tokens found in the prefix cache, mean TTFT and TPOT, and requests per second of both; then the errors
by how near the load is to the capacity; last, where the closed form is not said to agree, how far to either
side of it nine of ten simulations lie, beside how much wider intervals are made there (`SHORT_BY`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from advisor.cost.array_table import Floats
from advisor.cost.predict.simulated_conversations import SHORT_BY
from advisor.cost.serving.conversation_prefix_hits import CALM, ROOM
from tests.cost.conversation_cases import Case, cases


def main() -> None:
    """Print every case, then the errors."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    print(
        "load            turns  think, s     KV tokens  busy   hits, %       TTFT, ms      TPOT, ms      "
        "requests/s"
    )
    found = []
    for one in cases(count):
        found.append(one)
        arrival, talk, a, b = one.load.arrival, one.load.conversation, one.closed, one.simulated
        print(
            f"{arrival.kind[:5]:5} {arrival.value:9.1f} {talk.turns.mean:6.1f} {talk.think_time.mean:6.1f} "
            f"{talk.think_time.kind[:5]:5} {one.kv_tokens:10,.0f}  {one.busy:4.0%} {100 * a.hits:6.1f} "
            f"{100 * b.hits:6.1f} {a.ttft_ms:7.0f} {b.ttft_ms:6.0f} {a.tpot_ms:7.1f} {b.tpot_ms:6.1f} "
            f"{a.requests_per_s:7.2f} {b.requests_per_s:6.2f}{'' if one.calm else '  *'}"
        )
    calm = f"busy up to {CALM:.0%}, room for {ROOM:.0f} requests, pauses that vary"
    _errors(calm, [one for one in found if one.calm])
    _errors("busier", [one for one in found if one.busy > CALM])
    _errors("less room", [one for one in found if one.busy <= CALM and one.room < ROOM])
    _errors("swinging", [one for one in found if one.busy <= CALM and one.swings])
    for busy, name in ((True, "busier"), (False, "less room, or swinging")):
        _sides(name, busy, [one for one in found if not one.calm and (one.busy > CALM) is busy])


def _errors(name: str, some: list[Case]) -> None:
    if not some:
        return
    hits = np.abs([one.closed.hits - one.simulated.hits for one in some])
    print(f"\n{name}: {len(some)} cases; closed form against simulation, median and nine of ten")
    print(f"  hits: {100 * np.median(hits):.1f}, {100 * np.quantile(hits, 0.9):.1f} points")
    for metric in ("ttft_ms", "tpot_ms", "requests_per_s"):
        closed, simulated = _known_to_both(some, metric)
        if len(closed):
            off = np.abs(np.log(closed / simulated))
            print(f"  {metric}: {np.expm1(np.median(off)):.0%}, {np.expm1(np.quantile(off, 0.9)):.0%}")


def _sides(name: str, busy: bool, some: list[Case]) -> None:
    print(f"\nclosed form not said to agree, {name}: {len(some)} cases; simulation ÷ closed form")
    for metric, (low, high) in SHORT_BY[busy].items():
        closed, simulated = _known_to_both(some, f"{metric}_ms")
        if len(closed):
            ends = np.quantile(simulated / closed, (0.05, 0.95))
            print(
                f"  {metric}_ms: {ends[0]:.2f} to {ends[1]:.2f} in nine of ten of {len(closed)} with both; "
                f"intervals are widened by {np.exp(-low):.2f} to {np.exp(high):.2f}"
            )


def _known_to_both(some: Sequence[Case], metric: str) -> tuple[Floats, Floats]:
    """A figure of the closed form and of the simulation, of the cases that have both."""
    pairs = np.array([(getattr(one.closed, metric), getattr(one.simulated, metric)) for one in some])
    pairs = pairs.reshape(-1, 2)
    closed, simulated = pairs[np.isfinite(pairs).all(axis=1)].T
    return closed, simulated


if __name__ == "__main__":
    main()
