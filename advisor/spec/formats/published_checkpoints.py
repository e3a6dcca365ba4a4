"""The catalog of published checkpoints, by the repository that was quantized and by their own."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import lru_cache
from typing import cast, get_args

from advisor.errors import DataError
from advisor.shipped_files import catalog
from advisor.spec.formats.checkpoint import (
    Checkpoint,
    CheckpointKind,
    Evidence,
    Packaging,
    Parts,
    Scheme,
    made_kind,
)

FILE = "checkpoints.csv"
COLUMNS = (
    "base_repo",
    "repo",
    "format",
    "packaging",
    "scheme",
    "group_size",
    "symmetric",
    "act_order",
    "kv_scheme",
    "parts",
    "maker",
    "official",
    "algorithm",
    "evidence",
    "by_name",
    "downloads",
    "older_ids",
    "inner",
)
"""The file's columns; an empty cell is: no groups, symmetric, no act order, not seen, all linear matrices."""

DEPRECATED = ("fbgemm_fp8", "fp_quant")
"""Packagings that vLLM loads only with --allow-deprecated-quantization since 0.14.0 (Q/__init__.py)."""

MOVED_OWNERS = {"neuralmagic": "RedHatAI", "nm-testing": "RedHatAI", "cognitivecomputations": "QuixiAI"}
"""Owners whose repositories have another address today."""


Row = Mapping[str, str]


@lru_cache(maxsize=1)
def _rows() -> tuple[Mapping[tuple[str, str], list[Row]], Mapping[str, Row]]:
    """The lines of the file by base repository and format, and by address; a look-up needs few of them."""
    by_base: dict[tuple[str, str], list[Row]] = {}
    by_repo: dict[str, Row] = {}
    older: dict[str, Row] = {}
    with catalog(FILE).open(encoding="utf-8", newline="") as file:
        reader = csv.reader(line for line in file if not line.startswith("#"))
        head = next(reader)
        for cells in reader:
            row = dict(zip(head, cells, strict=True))
            by_base.setdefault((row["base_repo"].lower(), row["format"]), []).append(row)
            by_repo[row["repo"].lower()] = row
            if row["older_ids"]:
                older |= {name.lower(): row for name in row["older_ids"].split()}
    return by_base, older | by_repo


def listed_bases() -> tuple[tuple[str, str], ...]:
    """Every base repository, in lower case, with each format that it has checkpoints of."""
    return tuple(_rows()[0])


def listed_repos() -> tuple[str, ...]:
    """Every address that leads to a checkpoint, in lower case, older ones included."""
    return tuple(_rows()[1])


@lru_cache(maxsize=1024)
def checkpoints_of(base_repo: str, format: str) -> tuple[Checkpoint, ...]:
    """Published checkpoints of a repository in a format, in the order to offer them.

    What vLLM has deprecated comes last, else the maker's own first, then those of which a text was read,
    then those scaled as the format's recipe scales, then the most downloaded. None is offered for another
    repository of the same model. Raises DataError for a damaged line.
    """
    rows = _rows()[0].get((base_repo.lower(), format), ())
    return tuple(sorted(map(_checkpoint, rows), key=_preference))


def checkpoint_by_repo(repo: str) -> Checkpoint | None:
    """The checkpoint at an address of the Hub, older addresses included; None where it is not listed."""
    known, name = _rows()[1], repo.lower()
    row = known.get(name)
    owner, _, rest = name.partition("/")
    if row is None and owner in MOVED_OWNERS:
        row = known.get(f"{MOVED_OWNERS[owner].lower()}/{rest}")
    if row is None and owner == "nvidia" and rest.endswith("-fp4"):
        row = known.get(f"nvidia/{rest.removesuffix('-fp4')}-nvfp4")
    return None if row is None else _checkpoint(row)


def _preference(c: Checkpoint) -> tuple[bool, bool, bool, bool, int, str]:
    usual = made_kind(c.format)
    alike = usual is not None and (usual.scheme, usual.symmetric) == (c.kind.scheme, c.kind.symmetric)
    return (
        c.kind.packaging in DEPRECATED,
        not c.official,
        c.only_listed,
        not alike,
        -c.downloads,
        c.repo or "",
    )


_WORDS: Mapping[str, tuple[str, ...]] = {
    "packaging": get_args(Packaging),
    "scheme": get_args(Scheme),
    "evidence": get_args(Evidence),
}


def _checkpoint(row: Mapping[str, str]) -> Checkpoint:
    for column, words in _WORDS.items():
        if row[column] not in words:
            where = f"{FILE}: {row['repo']}: {column}"
            raise DataError(f"{where} '{row[column]}' is not known; reinstall quantadvise")
    return Checkpoint(
        kind=CheckpointKind(
            packaging=cast(Packaging, row["packaging"]),
            scheme=cast(Scheme, row["scheme"]),
            group_size=int(row["group_size"]) if row["group_size"] else None,
            symmetric=row["symmetric"] != "no",
            act_order=row["act_order"] == "yes",
            kv_scheme="fp8" if row["kv_scheme"] == "fp8" else None,
            parts=cast(Parts, row["parts"] or "linear"),
        ),
        format=row["format"],
        repo=row["repo"],
        base_repo=row["base_repo"],
        maker=row["maker"],
        official=row["official"] == "yes",
        algorithm=row["algorithm"] or None,
        evidence=cast(Evidence, row["evidence"]),
        kind_by_name=bool(row["by_name"]),
        downloads=int(row["downloads"] or 0),
        inner=int(row["inner"]) if row["inner"] else None,
    )
