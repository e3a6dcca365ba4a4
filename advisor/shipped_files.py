"""Where the files that ship with the package lie: beside it in a wheel, at the top of a checkout."""

from __future__ import annotations

from pathlib import Path

from advisor.errors import DataError

_PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """The folder `profiles` or `measurements` that came with this installation."""
    for root in (_PACKAGE / "_data", _PACKAGE.parent):
        if (root / folder).is_dir():
            return root / folder
    raise DataError(f"{_PACKAGE}: {folder}/ is missing; reinstall quantadvise")


def catalog(name: str) -> Path:
    """A catalog file of `advisor/spec/catalog`."""
    return _PACKAGE / "spec" / "catalog" / name
