"""The page's own style sheet and scripts, as text."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

HERE = Path(__file__).resolve().parent


@lru_cache(maxsize=8)
def asset(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
