"""Releases of the engine: their order, and whether a row of a table holds for one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from advisor.errors import InputError

_VERSION = re.compile(
    r"(?P<release>\d+(\.\d+){0,3})(?P<pre>\.?(rc|a|b|dev)\d*)?(\.?post(?P<post>\d+))?([+-][\w.+-]*)?",
    re.ASCII,
)
"""Release, pre-release, post-release; what follows a + or - is a local build and does not count."""
MOST_CHARACTERS = 80
"""Of a version; no release has more, and Python refuses to read numbers of thousands of digits."""


@lru_cache(maxsize=256)
def order(version: str) -> tuple[int, ...]:
    """Numbers that sort as releases do: `0.6.4.post1` after `0.6.4`, `0.8.0rc1` before `0.8.0`.

    Raises InputError for what is no version.
    """
    match = _VERSION.fullmatch(version) if len(version) <= MOST_CHARACTERS else None
    if match is None:
        raise InputError(
            f"engine version '{version[:MOST_CHARACTERS]}': expected numbers and dots; write it like '0.11.0'"
        )
    release = [int(part) for part in match["release"].split(".")]
    padded = (*release, 0, 0, 0, 0)[:4]
    return (*padded, -1 if match["pre"] else int(match["post"] or 0))


def minor_release(version: str) -> tuple[int, ...]:
    """A version's first two numbers: `(0, 11)` for `0.11.2.post1`; fewer where it has fewer."""
    return tuple(int(part) for part in re.findall(r"[0-9]{1,9}", version.split("+")[0])[:2])


def is_older(version: str, release: str) -> bool:
    """Whether `version` came before `release`; raises InputError for what is no version."""
    return order(version) < order(release)


def holds_at(row: Mapping[str, Any], version: str) -> bool:
    """Whether a row that holds from `since` (included) to `until` (excluded) holds for `version`."""
    since, until = row.get("since"), row.get("until")
    if since is None and until is None:
        return True
    at = order(version)
    return (since is None or order(since) <= at) and (until is None or at < order(until))
