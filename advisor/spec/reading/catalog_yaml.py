"""The rows of a catalog file that ships with the package."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from advisor.shipped_files import catalog


@lru_cache(maxsize=8)
def read_catalog(name: str) -> Any:
    """The plain value of `advisor/spec/catalog/<name>`, read once; callers must not change it."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with catalog(name).open(encoding="utf-8") as file:
        return yaml.load(file, Loader=loader)
