"""Kinds of load: which exist, which errors they share, and how command lines, forms and files spell them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

ArrivalKind = Literal["single", "concurrency", "rate", "maximum"]
"""single: one request at a time. concurrency: a closed loop of clients. rate: an open loop of requests per
second. maximum: all requests queued at once."""

LoadKind = Literal[ArrivalKind, "batch"]
"""A record may also be of a static batch, all started together (offline benchmarks)."""

LoadClass = Literal["single", "loaded", "maximum", "batch"]
"""Loads whose predictions err alike."""

LOAD_CLASSES: tuple[LoadClass, ...] = get_args(LoadClass)
LOAD_CLASS: Mapping[LoadKind, LoadClass] = {
    "single": "single",
    "concurrency": "loaded",
    "rate": "loaded",
    "maximum": "maximum",
    "batch": "batch",
}

SPELLING: Mapping[ArrivalKind, str] = {
    "rate": "rate",
    "concurrency": "concurrency",
    "single": "single",
    "maximum": "max",
}
"""Kinds as people write them in forms, plans and columns; files of our own keep the kind's name."""


def is_maximum(word: str) -> bool:
    """Whether a concurrency is given as `max` or `maximum`: all requests at once."""
    return word.strip().lower() in (SPELLING["maximum"], "maximum")
