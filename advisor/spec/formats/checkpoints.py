"""The catalog of published checkpoints, by the repository that was quantized and by their own."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import cast, get_args

from advisor.data import catalog
from advisor.errors import DataError
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
)
"""The file's columns; an empty cell is: no groups, symmetric, no act order, not seen, all linear matrices."""

DEPRECATED = ("fbgemm_fp8", "fp_quant")
"""Packagings that vLLM loads only with --allow-deprecated-quantization since 0.14.0 (Q/__init__.py)."""

MOVED_OWNERS = {"neuralmagic": "RedHatAI", "nm-testing": "RedHatAI", "cognitivecomputations": "QuixiAI"}
"""Owners whose repositories have another address today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCheckpoints:
    """All of the catalog, by what it is looked up by."""

    by_base: Mapping[tuple[str, str], tuple[Checkpoint, ...]]
    """Base repository in lower case and format → checkpoints, the one to offer first first."""
    by_repo: Mapping[str, Checkpoint]
    """Repository in lower case, older addresses too → checkpoint."""


@lru_cache(maxsize=1)
def published_checkpoints() -> PublishedCheckpoints:
    """The catalog; read once. Raises DataError for a damaged file."""
    by_base: dict[tuple[str, str], list[Checkpoint]] = {}
    by_repo: dict[str, Checkpoint] = {}
    older: dict[str, Checkpoint] = {}
    with catalog(FILE).open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        for row in csv.DictReader(lines):
            checkpoint = _checkpoint(row)
            by_base.setdefault((row["base_repo"].lower(), row["format"]), []).append(checkpoint)
            by_repo[row["repo"].lower()] = checkpoint
            older |= {name.lower(): checkpoint for name in row["older_ids"].split()}
    return PublishedCheckpoints(
        by_base={key: tuple(sorted(found, key=_preference)) for key, found in by_base.items()},
        by_repo=older | by_repo,
    )


def checkpoints_of(base_repo: str, format: str) -> tuple[Checkpoint, ...]:
    """Published checkpoints of a repository in a format, in the order to offer them.

    What vLLM has deprecated comes last, else the maker's own first, then those of which a text was read,
    then those scaled as the format's recipe scales, then the most downloaded. None is offered for another
    repository of the same model.
    """
    return published_checkpoints().by_base.get((base_repo.lower(), format), ())


def checkpoint_by_repo(repo: str) -> Checkpoint | None:
    """The checkpoint at an address of the Hub, older addresses included; None where it is not listed."""
    known = published_checkpoints().by_repo
    name = repo.lower()
    if name in known:
        return known[name]
    owner, _, rest = name.partition("/")
    for was, now in MOVED_OWNERS.items():
        if owner == was and (found := known.get(f"{now.lower()}/{rest}")) is not None:
            return found
    if owner == "nvidia" and rest.endswith("-fp4"):
        return known.get(f"nvidia/{rest.removesuffix('-fp4')}-nvfp4")
    return None


def _preference(c: Checkpoint) -> tuple[bool, bool, bool, bool, int, str]:
    usual = made_kind(c.format)
    alike = usual is not None and (usual.scheme, usual.symmetric) == (c.kind.scheme, c.kind.symmetric)
    only_named = c.evidence == "named"
    return (c.kind.packaging in DEPRECATED, not c.official, only_named, not alike, -c.downloads, c.repo or "")


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
    )
