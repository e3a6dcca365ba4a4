"""Each assumption whose change would change the choice, as a row of words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from advisor.advise.sensitivity.change_point import SHARES, Flip
from advisor.advise.sensitivity.change_points import EXACT
from advisor.display_text import deployment_text, number
from advisor.report.terminal.certainty_and_sensitivity_words import limit_name
from advisor.spec.deployment import Deployment

HEAD = "Assumptions, the nearest first"
HEADS = ("assumption", "now", "changes at", "90 % interval", "first then", "because", "basis")
NONE = "no assumption within a factor of 8 changes the choice"
NAMES: Mapping[str, str] = {
    "min_recovery": "recovery floor, %",
    "goodput min_share": "requests that must keep the goodput limits, %",
    "prefix_hit_rate": "prompt found in the prefix cache, %",
    "gpu_memory_utilization": "GPU memory utilization, %",
    "max_cost_per_hour": "budget, USD per hour",
    "burstiness": "burstiness (1 = Poisson, less = burstier)",
    "spread of prompt lengths": "spread (std) of prompt lengths, tokens",
    "spread of answer lengths": "spread (std) of answer lengths, tokens",
}


def flip_rows(first: Deployment, flips: Sequence[Flip]) -> list[tuple[str, ...]]:
    """The cells under `HEADS`."""
    return [_row(first, flip) for flip in flips]


def _row(first: Deployment, flip: Flip) -> tuple[str, ...]:
    return (
        name(flip),
        "none" if flip.now is None else _value(flip, flip.now),
        f"{'above' if flip.above else 'below'} {_value(flip, flip.at)}",
        _interval(flip),
        "nothing keeps the limits" if flip.to is None else deployment_text(flip.to),
        _because(first, flip) + _until_then(first, flip),
        flip.basis,
    )


def name(flip: Flip) -> str:
    """What is assumed, with its unit."""
    said = flip.assumption
    if said in NAMES:
        return NAMES[said]
    if said.startswith("goodput "):
        return f"goodput limit on {said.removeprefix('goodput ').removesuffix('_ms').upper()}, ms"
    if said.endswith("_ms"):
        said = f"limit on {limit_name(said)}"
    return f"{said}, {flip.unit}"


def _value(flip: Flip, value: float) -> str:
    if flip.assumption in (*SHARES, "gpu_memory_utilization"):
        return number(100 * value, digits=3 if flip.assumption == "prefix_hit_rate" else 4)
    return number(value)


def _interval(flip: Flip) -> str:
    """`3.7–14`: where the change truly lies, with 90 %; exact where nothing predicted decides."""
    if flip.basis == EXACT:
        return "exact"
    low, high = (None if end is None else _value(flip, end) for end in (flip.low, flip.high))
    if low is None and high is None:
        return "may lie anywhere"
    if high is None:
        return f"from {low} on"
    if low is None:
        return f"up to {high}"
    return low if low == high else f"{low}–{high}"


def _until_then(first: Deployment, flip: Flip) -> str:
    """`; until then 4.8 USD/h`: the bill just before the change; empty where it is today's."""
    before, usd = flip.before, flip.usd_per_hour_before
    if before is None or before.key == first.key:
        return ""
    return f"; until then {deployment_text(before) if usd is None else f'{number(usd)} USD/h'}"


def _because(first: Deployment, flip: Flip) -> str:
    who = first if flip.whose == "first" else flip.to
    short = "" if who is None else f"{who.format.name} on {who.gpu.label}"
    if flip.why == "objective" or who is None:
        return f"{short} becomes the better one" if short else ""
    if flip.why == "replicas":
        return f"{short} {'takes another replica' if flip.whose == 'first' else 'takes a replica less'}"
    if flip.limit == "memory":
        return f"{short} {'no longer fits' if flip.whose == 'first' else 'fits'}"
    limit = "the budget" if flip.limit == "budget" else limit_name(flip.limit)
    return f"{short} {'misses' if flip.whose == 'first' else 'keeps'} {limit}"
