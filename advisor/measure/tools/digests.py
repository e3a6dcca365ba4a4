"""Folders that are there in full or not at all, and digests of values and files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from advisor import atomic_files
from advisor.errors import DiskFullError, disk_full


@contextmanager
def room_expected(path: Path) -> Iterator[None]:
    """Turn 'no space left' into one line with its remedy."""
    try:
        yield
    except OSError as error:
        if disk_full(error):
            raise DiskFullError(f"{path}: no space left; make room and run the same command again") from error
        raise


def publish_folder(partial: Path, final: Path) -> None:
    """fsync everything below `partial`, then rename it to `final`, which must not exist."""
    with room_expected(final):
        for file in sorted(partial.rglob("*")):
            if file.is_file():
                descriptor = os.open(file, os.O_RDONLY)
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        partial.replace(final)
    atomic_files.sync_folder(final.parent)


def canonical_json(value: Any) -> str:
    """The one text of a JSON value: sorted keys, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def digest(value: Any) -> str:
    """Sixteen hexadecimal digits that stand for a JSON value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:16]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            sha.update(block)
    return sha.hexdigest()
