"""How old a price is, by the day of today."""

from __future__ import annotations

import os
from datetime import date, datetime, timezone

OLD_DAYS = 60
"""Prices older than so many days are said to be old."""


def today() -> date:
    """This day; that of SOURCE_DATE_EPOCH (seconds since 1970, UTC) where it is set, for texts that last."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not epoch.isdecimal() or len(epoch) > 11:
        return date.today()
    return datetime.fromtimestamp(int(epoch), tz=timezone.utc).date()


def age_text(days: int) -> str:
    """`today's`, `1 day old`, `633 days old`."""
    return "today's" if days <= 0 else f"{days:,} day{'s' if days != 1 else ''} old"


def days_old(iso: str, on: date) -> int | None:
    """Days since an ISO day or month; None for anything else, such as an empty text."""
    try:
        return (on - date.fromisoformat(f"{iso}-01" if len(iso) == len("2026-09") else iso)).days
    except ValueError:
        return None
