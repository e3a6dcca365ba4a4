"""Known quantization formats, found by paper names, presets, checkpoint suffixes and data-set names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from advisor.errors import unknown
from advisor.spec.catalog_yaml import read_catalog
from advisor.spec.format import QuantFormat, Support
from advisor.spec.names import NameIndex


@lru_cache(maxsize=1)
def known_formats() -> tuple[QuantFormat, ...]:
    """Every format of the catalog, in its order."""
    document = read_catalog("formats.yaml")
    return tuple(_format(row, document["sources"]) for row in document["formats"])


def find_format(name: str) -> QuantFormat:
    """The format called `name`, whatever its case, blanks, hyphens and underscores.

    Raises UnknownNameError with the nearest known names.
    """
    found = _index().get(name)
    if found is None:
        raise unknown(
            "format", name, [known for row in known_formats() for known in (row.name, *row.aliases)]
        )
    return found


@lru_cache(maxsize=1)
def _index() -> NameIndex[QuantFormat]:
    names: list[tuple[str, QuantFormat]] = []
    for row in known_formats():
        own = [row.name, row.title, *row.aliases, *row.hf_suffixes, *([row.scheme] if row.scheme else [])]
        names += [(name, row) for name in own]
    return NameIndex(names)


def _format(row: Mapping[str, Any], sources: Mapping[str, str]) -> QuantFormat:
    supports = tuple(
        Support(
            vendor=support["vendor"],
            min_capability=float(support["min"]),
            max_capability=float(support["max"]),
            kind=support["kind"],
            compute=support["compute"],
            source=sources[support["source"]],
        )
        for support in row["supports"]
    )
    return QuantFormat(
        name=row["name"],
        title=row["title"],
        weight_bits=float(row["weight_bits"]),
        group_size=row.get("group_size"),
        scale_bits=float(row.get("scale_bits", 0)),
        activation_bits=row["activation_bits"],
        supports=supports,
        aliases=tuple(row.get("aliases", ())),
        hf_suffixes=tuple(row.get("hf_suffixes", ())),
        scheme=row.get("scheme"),
        sources=tuple(dict.fromkeys(support.source for support in supports)),
    )
