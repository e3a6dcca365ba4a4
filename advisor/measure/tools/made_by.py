"""What made a record: this program's version, the fit it came with, and how busy the host was."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache

from advisor.errors import QuantAdviseError
from advisor.shipped_files import shipped
from advisor.version import installed_version


@lru_cache(maxsize=1)
def fit_digest() -> str | None:
    """Eight hexadecimal digits of the shipped fit; None where there is none."""
    try:
        content = (shipped("measurements") / "fit.json").read_bytes()
    except (OSError, QuantAdviseError):
        return None
    return hashlib.sha256(content).hexdigest()[:8]


def host_load() -> float | None:
    """Programs that want to run, per core, over the last minute; None where the system has no such figure."""
    try:
        return round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)
    except (OSError, AttributeError):
        return None


def made_by() -> dict[str, str]:
    """Version and fit, as far as they are known."""
    found = {"quantadvise": installed_version(), "fit": fit_digest()}
    return {name: value for name, value in found.items() if value is not None}
