"""Amounts with their units, as people type them: 32k tokens, 200 ms, 2.5 USD per hour, 5,000 USD a month."""

from __future__ import annotations

import math
import re

from advisor.errors import InputError

HOURS_PER_DAY = 24.0
HOURS_PER_MONTH = 730.0
"""365 × 24 ÷ 12, as cloud providers bill a month."""
_HOURS = {
    **dict.fromkeys(("h", "hr", "hour"), 1.0),
    **dict.fromkeys(("d", "day"), HOURS_PER_DAY),
    **dict.fromkeys(("mo", "month"), HOURS_PER_MONTH),
    **dict.fromkeys(("y", "yr", "year"), 12 * HOURS_PER_MONTH),
}
_NUMBER = r"(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
"""Commas part thousands alone: `2,5` is half of Europe's 2.5, and never 25."""
_PERCENT = rf"({_NUMBER}|\.[0-9]+)\s*%"
_PLAIN = rf"[+-]?(?:{_NUMBER}|\.[0-9]+)"
LEAST_PERCENT = 10.0
"""From here on a number without a sign is per cent; between 1 and this it is refused: 1.5 may be a slip."""
_COUNT = rf"({_NUMBER}|\.[0-9]+)\s*([kKmM]?)"
_THOUSANDS = {"": 1, "k": 1_000, "m": 1_000_000}
_PER_SECOND = {
    **dict.fromkeys(("s", "sec", "second", "rps", "qps"), 1.0),
    **dict.fromkeys(("min", "minute", "rpm"), 1 / 60),
    **dict.fromkeys(("h", "hr", "hour"), 1 / 3_600),
    **dict.fromkeys(("d", "day", "rpd"), 1 / 86_400),
}
_RATE = (
    rf"({_NUMBER}|\.[0-9]+)\s*([kKM]?)\s*([rqRQ][pP][smdSMD]|(?:req(?:uest)?s?)?\s*(?:/|per)\s*([A-Za-z]+))?"
)
_MONEY = rf"(?i)(?:\$|USD)?\s*({_NUMBER}|\.[0-9]+)\s*(?:\$|USD)?\s*(?:/|per|a)?\s*([A-Za-z]*)"


def plain_number(text: str) -> float | None:
    """The number of a cell or field, None where it is none.

    ASCII digits without separators, `inf` and `nan` as programs write them: Python's `float` takes `1_0` for
    ten and digits of any script.
    """
    stripped = text.strip()
    is_number = stripped.isascii() and "_" not in stripped
    try:
        return float(stripped) if is_number else None
    except ValueError:
        return None


def tokens(text: str) -> str:
    """A token count with `k` or `M` written out (decimal: 32k is 32,000); any other text as it is."""
    match = re.fullmatch(_COUNT, text.strip())
    if match is None or not match[2]:
        return text
    value = _number(match[1]) * _THOUSANDS[match[2].lower()]
    return str(int(value)) if value.is_integer() else str(value)


def count(value: object) -> object:
    """`50` and `1k` as numbers; anything else as it is, for the reader to refuse."""
    if not isinstance(value, str) or not re.fullmatch(_COUNT, value.strip()):
        return value
    return _number(tokens(value.strip()))


def share(value: object) -> object:
    """`0.97`, `97 %`, `97%` and `97` as 0.97; anything else as it is, for the reader to refuse."""
    if isinstance(value, str):
        text = value.strip()
        if match := re.fullmatch(_PERCENT, text):
            return _hundredth(_number(match[1]))
        if not re.fullmatch(_PLAIN, text):
            return value
        value = float(text.replace(",", ""))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    return _hundredth(value) if LEAST_PERCENT <= value <= 100 else value


def _hundredth(percent: float) -> float:
    """`percent` ÷ 100 as people write it: 99.7 is 0.997, not 0.9970000000000001."""
    return float(f"{percent / 100:.12g}")


def per_second(text: object) -> object:
    """`5`, `5/s`, `2.5 rps`, `300/min`, `10k/day` per second; anything else as it is."""
    match = re.fullmatch(_RATE, text.strip()) if isinstance(text, str) else None
    unit = (match[4] or match[3] or "s").lower() if match else ""
    if match is None or unit not in _PER_SECOND:
        return text
    return _number(match[1]) * _THOUSANDS[match[2].lower()] * _PER_SECOND[unit]


def usd_per_hour(text: str, *, where: str, zero: bool = False) -> float:
    """`2.5`, `$2.5/h`, `60/day`, `5000/month` as USD per hour. Raises InputError; zero: not for 0."""
    match = re.fullmatch(_MONEY, text.strip())
    unit = (match[2] if match else "").lower().removesuffix("s") if match else ""
    if match is None or (unit and unit not in _HOURS):
        raise InputError(
            f"{where}: '{text}' is not an amount of money; write 5, $2.5/h, 60/day or 5000/month"
        )
    value = _number(match[1]) / (_HOURS[unit] if unit else 1.0)
    if value == 0 and not zero:
        raise InputError(f"{where}: '{text}' is not above 0; write 5, $2.5/h, 60/day or 5000/month")
    return value


def _number(text: str) -> float:
    value = float(text.replace(",", ""))
    return value if math.isfinite(value) else math.inf
