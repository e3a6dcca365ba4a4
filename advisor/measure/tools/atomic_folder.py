"""Folders that are there in full or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
