"""Known quantization formats, found by paper names, presets, checkpoint suffixes and data-set names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from advisor.errors import UnknownNameError, unknown
from advisor.spec.formats.format import KvCacheFormat, QuantFormat, Support
from advisor.spec.reading.catalog_yaml import read_catalog
from advisor.spec.reading.name_lookup import NameIndex


@lru_cache(maxsize=1)
def known_formats() -> tuple[QuantFormat, ...]:
    """Every format of the catalog, in its order."""
    document = read_catalog("formats.yaml")
    kept = tuple(document["kept_16bit"])
    return tuple(_format(row, document["sources"], kept) for row in document["formats"])


@lru_cache(maxsize=1)
def known_kv_formats() -> tuple[KvCacheFormat, ...]:
    """The KV cache formats, 16 bits first."""
    document = read_catalog("formats.yaml")
    return tuple(_kv_format(row, document["sources"]) for row in document["kv"])


_NOT_COVERED = re.compile(r"gguf|ggml|llama\.?cpp|bitsandbytes|bnb|nf4|^i?q[1-8](_|-|k|$)")
"""Names of GGUF's types (`q4_k_m`, `iq2_xs`) and of bitsandbytes' (`nf4`)."""


def find_format(name: str) -> QuantFormat:
    """The format called `name`, whatever its case, blanks, hyphens and underscores.

    Canonical names, the paper's (W8A8-FP), presets (FP8_DYNAMIC), Hub suffixes (-quantized.w4a16) and
    data sets' (int4_w4a16) all do. Raises UnknownNameError with the nearest known names.
    """
    found = _index().get(name)
    if found is None:
        if _NOT_COVERED.search(name.lower()):
            raise UnknownNameError(
                f"format '{name}': GGUF and bitsandbytes run in kernels of their own, which no measurement "
                "here covers; name another with as many bits: int4 (GPTQ, AWQ), int8 or fp8"
            )
        raise unknown("format", name, _suggestions(known_formats()))
    return found


def find_kv_format(name: str) -> KvCacheFormat:
    """The KV cache format called `name` (`16bit`, `auto`, `fp8`, `fp8_e4m3`); raises UnknownNameError."""
    found = _kv_index().get(name)
    if found is None:
        raise unknown("KV cache format", name, [row.name for row in known_kv_formats()])
    return found


def format_of_checkpoint(name: str) -> QuantFormat | None:
    """The format a checkpoint's name ends in (`Llama-3.1-8B-Instruct-FP8-dynamic`); None when in none."""
    ends = sorted(
        ((suffix, row) for row in known_formats() for suffix in row.hf_suffixes),
        key=lambda end: -len(end[0]),
    )
    for suffix, row in ends:
        if name.lower().endswith(suffix.lower()):
            return row
    return None


@lru_cache(maxsize=1)
def _index() -> NameIndex[QuantFormat]:
    names: list[tuple[str, QuantFormat]] = []
    for row in known_formats():
        preset = (row.scheme,) if row.scheme else ()
        names += [(name, row) for name in (row.name, row.title, *row.aliases, *row.hf_suffixes, *preset)]
    return NameIndex(names)


@lru_cache(maxsize=1)
def _kv_index() -> NameIndex[KvCacheFormat]:
    return NameIndex((name, row) for row in known_kv_formats() for name in (row.name, *row.aliases))


def _suggestions(rows: Sequence[QuantFormat]) -> list[str]:
    """Canonical names first: they are what a list of known names should show."""
    return [row.name for row in rows] + [alias for row in rows for alias in row.aliases]


def _supports(row: Mapping[str, Any], sources: Mapping[str, str]) -> tuple[Support, ...]:
    return tuple(
        Support(
            vendor=support["vendor"],
            min_capability=float(support["min"]),
            max_capability=float(support["max"]),
            kind=support["kind"],
            compute=support["compute"],
            source=sources[support["source"]],
            since=support.get("since"),
        )
        for support in row["supports"]
    )


def _format(row: Mapping[str, Any], sources: Mapping[str, str], kept: tuple[str, ...]) -> QuantFormat:
    supports = _supports(row, sources)
    scheme = row.get("scheme")
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
        scheme=scheme,
        kept_16bit=kept,
        recipe=row["recipe"],
        notes=row.get("notes", ""),
        sources=tuple(dict.fromkeys([s.source for s in supports] + ([sources["presets"]] if scheme else []))),
    )


def _kv_format(row: Mapping[str, Any], sources: Mapping[str, str]) -> KvCacheFormat:
    return KvCacheFormat(
        name=row["name"],
        title=row["title"],
        bits=row["bits"],
        supports=_supports(row, sources),
        aliases=tuple(row["aliases"]),
    )
