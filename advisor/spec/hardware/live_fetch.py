"""Fetches the catalog that gpuhunt publishes: the only code here that goes to the network for a price."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from advisor.errors import MissingToolError, QuantAdviseError
from advisor.spec.hardware.live_catalog import write_catalog

PATIENCE_S = 30.0
"""Seconds without an answer after which a server is out of reach; gpuhunt itself would wait for ever."""


class FetchError(QuantAdviseError):
    """The catalog could not be had; what was fetched before is as it was."""


def fetch(folder: Path, *, today: date) -> Mapping[str, int]:
    """Fetch every provider's published catalog into `folder`; the number of rows of each that came.

    A provider that could not be had keeps what was fetched before. GPUHUNT_CATALOG_URL is gpuhunt's own and
    respected. Raises MissingToolError without the extra, FetchError when no provider could be had.
    """
    try:
        gpuhunt = import_module("gpuhunt")
    except ImportError as error:
        raise MissingToolError("gpuhunt is not installed; pip install 'quantadvise[prices]'") from error
    catalog = gpuhunt.Catalog(auto_reload=False)
    with _bounded():
        try:
            catalog.load()
        except gpuhunt.GPUHuntError as error:
            raise FetchError(f"prices: {error}; is there a network? {_cause(error)}".strip()) from error
    rows = {name: [_row(item) for item in of.items] for name, of in catalog.catalog.items()}
    versions = {name: of.version for name, of in catalog.catalog.items()}
    write_catalog(folder, rows, versions, gpuhunt=version("gpuhunt"), fetched=today)
    return {name: len(of) for name, of in rows.items()}


def _row(item: Any) -> dict[str, str]:
    """An item of gpuhunt's in the columns of its own file."""
    return {
        "instance_name": item.instance_name,
        "location": item.location,
        "price": str(item.price),
        "gpu_count": str(item.gpu_count),
        "gpu_name": item.gpu_name or "",
        "gpu_memory": "" if item.gpu_memory is None else str(item.gpu_memory),
        "spot": str(item.spot),
        "flags": " ".join(item.flags),
    }


def _cause(error: BaseException) -> str:
    """The first line of what lies below it."""
    below = error.__cause__
    text = str(below).splitlines() if below is not None else []
    return f"({text[0][:200]})" if text else ""


@contextmanager
def _bounded() -> Iterator[None]:
    """gpuhunt waits no longer than `PATIENCE_S`, and logs no traceback of a provider that failed."""
    logger, before = logging.getLogger("gpuhunt"), socket.getdefaulttimeout()
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    socket.setdefaulttimeout(PATIENCE_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
        logger.setLevel(level)
