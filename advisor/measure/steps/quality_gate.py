"""The quality gate: whether a checkpoint lost so much accuracy that benchmarks of it are wasted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from advisor.measure.state.ledger import Entry
from advisor.measure.steps.workers import gate_worker
from advisor.spec.formats.recipes import UNQUANTIZED

WORKER = Path(gate_worker.__file__)
"""The worker that judges for scripts on a machine without quantadvise."""


def why_broken(entries: Iterable[Entry], model: str, format: str) -> str | None:
    """The score that shows it, beside the 16-bit one under the same protocol; None where none does."""
    rows = [entry for entry in entries if entry.kind == "evaluate" and entry.result is not None]
    mine = {_key(score): score for score in _scores(rows, model, frozenset({format}))}
    base = {_key(score): score for score in _scores(rows, model, UNQUANTIZED)}
    if format in UNQUANTIZED:
        return None
    return gate_worker.first_loss(mine, base)


def _scores(rows: Iterable[Entry], model: str, formats: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    names = set(formats)
    for entry in rows:
        facts = entry.extra["facts"]
        if facts["model"] == model and facts["format"] in names:
            yield from (entry.result or {})["scores"]


def _key(score: Mapping[str, Any]) -> tuple[str, ...]:
    return (score["task"], score["metric"], score["filter"], score["protocol"])
