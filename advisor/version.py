"""This program's own version, as it is installed."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=1)
def installed_version() -> str | None:
    """The installed version of quantadvise; None in a checkout that is not installed.

    A worker of `measure` runs the checkout in the environment of a tool, where nothing is installed.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("quantadvise")
    except PackageNotFoundError:
        return None


def name_and_version() -> str:
    """`quantadvise 1.2.3`, as a page or `--version` signs; without a version in a checkout."""
    return f"quantadvise {installed_version() or '(not installed)'}"
