"""Amounts with their units, as people type them: 32k tokens, 200 ms, 2.5 USD per hour, 5,000 USD a month."""

from __future__ import annotations

import math
import re

from advisor.errors import InputError

HOURS_PER_MONTH = 730.0
"""365 × 24 ÷ 12, as cloud providers bill a month."""
_HOURS = {
    **dict.fromkeys(("h", "hr", "hour"), 1.0),
    **dict.fromkeys(("d", "day"), 24.0),
    **dict.fromkeys(("mo", "month"), HOURS_PER_MONTH),
    **dict.fromkeys(("y", "yr", "year"), 12 * HOURS_PER_MONTH),
}
_NUMBER = r"[0-9][0-9,_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_COUNT = re.compile(rf"({_NUMBER}|\.[0-9]+)\s*([kKmM]?)")
_MONEY = re.compile(
    rf"(?:\$|USD)?\s*({_NUMBER}|\.[0-9]+)\s*(?:\$|USD)?\s*(?:/|per|a)?\s*([A-Za-z]*)", re.IGNORECASE
)


def tokens(text: str) -> str:
    """A token count with `k` or `M` written out (decimal: 32k is 32,000); any other text as it is."""
    match = _COUNT.fullmatch(text.strip())
    if match is None or not match[2]:
        return text
    value = _number(match[1]) * {"k": 1_000, "m": 1_000_000}[match[2].lower()]
    return str(int(value)) if value.is_integer() else str(value)


def usd_per_hour(text: str, *, where: str) -> float:
    """`2.5`, `$2.5/h`, `60/day`, `5000/month` as USD per hour. Raises InputError."""
    match = _MONEY.fullmatch(text.strip())
    unit = (match[2] if match else "").lower().removesuffix("s") if match else ""
    if match is None or (unit and unit not in _HOURS):
        raise InputError(f"{where}: '{text}' is no amount of money; write 5, $2.5/h, 60/day or 5000/month")
    return _number(match[1]) / (_HOURS[unit] if unit else 1.0)


def _number(text: str) -> float:
    value = float(text.replace(",", "").replace("_", ""))
    return value if math.isfinite(value) else math.inf
