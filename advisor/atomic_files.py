"""Files that are there in full or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from advisor.errors import DiskFullError, InputError, disk_full


def write(path: Path, content: str | bytes, *, executable: bool = False) -> None:
    """Write `content` beside `path` and onto the disk, then rename it over `path`: a crash leaves the old
    file or the new one. Text is written as UTF-8.

    Missing folders are made; a file that is replaced keeps its permissions. Raises DiskFullError where there
    is no room and OSError for another reason; the old file then stands as it was.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    path = Path(os.path.realpath(path))  # a link stays one
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():  # /dev/null, a pipe: nothing to rename over
            path.write_bytes(data)
            return
        with partial.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if executable:
            partial.chmod(0o755)
        elif path.exists():
            partial.chmod(path.stat().st_mode & 0o777)
        partial.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        if disk_full(error):
            raise DiskFullError(f"{path}: no space left; make room and run the same command again") from error
        raise
    sync_folder(path.parent)


def check_folder(path: Path, *, where: str) -> None:
    """Raises InputError where the folder of a file that the user named does not exist: likelier a slip than a
    wish for a new one."""
    if not path.parent.is_dir():
        raise InputError(f"{where}: {path.parent}: no such folder; make it first")


def write_output(path: Path, content: str | bytes, *, executable: bool = False) -> None:
    """`write` of a file that the user named. Raises InputError where it cannot be written."""
    with named_errors(path):
        write(path, content, executable=executable)


@contextlib.contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Whatever keeps a file that the user named from being written becomes InputError, in one line."""
    try:
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(f"{path.parent}: not a folder; name another place") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be written'}; name another place") from error


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut; a file system that cannot is left alone."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
