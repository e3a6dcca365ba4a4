"""The quality gate: whether a checkpoint lost so much accuracy that benchmarks of it are wasted. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from advisor.measure.state.ledger import Entry
from advisor.spec.formats.recipes import UNQUANTIZED

MAX_LOST_SHARE = 0.10
"""Largest share of a score that may be lost, where higher is better; published checkpoints of 8B and more
lose 1 to 3 %."""
MAX_PERPLEXITY_RATIO = 1.5
NOISE = 3.0
"""Standard errors that a loss must exceed, too."""


def why_broken(entries: Iterable[Entry], model: str, format: str) -> str | None:
    """The score that shows it, beside the 16-bit one under the same protocol; None where none does."""
    rows = [entry for entry in entries if entry.kind == "evaluate" and entry.result is not None]
    mine = {_key(score): score for score in _scores(rows, model, frozenset({format}))}
    base = {_key(score): score for score in _scores(rows, model, UNQUANTIZED)}
    if format in UNQUANTIZED:
        return None
    for key in sorted(mine.keys() & base.keys()):
        if _is_broken(mine[key], base[key]):
            score, other = mine[key], base[key]
            name = f"{score['task']} {score['metric']}"
            return f"{name} is {score['value']:.4g}, with 16 bits {other['value']:.4g}"
    return None


def _scores(rows: Iterable[Entry], model: str, formats: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    names = set(formats)
    for entry in rows:
        facts = entry.extra["facts"]
        if facts["model"] == model and facts["format"] in names:
            yield from (entry.result or {})["scores"]


def _key(score: Mapping[str, Any]) -> tuple[str, str, str, str]:
    return (score["task"], score["metric"], score["filter"], score["protocol"])


def _is_broken(score: Mapping[str, Any], base: Mapping[str, Any]) -> bool:
    if not score["higher_is_better"]:
        return bool(base["value"] > 0 and score["value"] > MAX_PERPLEXITY_RATIO * base["value"])
    lost = base["value"] - score["value"]
    noise = NOISE * math.hypot(score["stderr"] or 0.0, base["stderr"] or 0.0)
    return bool(lost > MAX_LOST_SHARE * abs(base["value"]) and lost > noise)
