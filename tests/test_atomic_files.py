"""Files that are there in full or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from advisor import atomic_files
from advisor.errors import DiskFullError, InputError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_text_is_written_byte_for_byte_into_folders_made_for_it(tmp_path: Path) -> None:
    atomic_files.write(tmp_path / "a" / "b.txt", "é\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"\xc3\xa9\n"
    assert names(tmp_path / "a") == ["b.txt"]


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    atomic_files.write(path, "old")
    path.chmod(0o600)
    atomic_files.write(path, "new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)


def test_a_new_file_has_the_permissions_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        atomic_files.write(tmp_path / "new", "")
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


def test_a_script_can_be_run(tmp_path: Path) -> None:
    atomic_files.write(tmp_path / "serve.sh", "#!/bin/sh\n", executable=True)
    assert os.access(tmp_path / "serve.sh", os.X_OK)


def test_a_link_stays_a_link_and_a_pipe_a_pipe(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    atomic_files.write(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    atomic_files.write(pipe, "text")
    assert os.read(reader, 10) == b"text"
    os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_says_so_and_leaves_the_old_file(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "file"
    atomic_files.write(target, "old")

    def full(descriptor: int) -> None:
        raise OSError(number, "full")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DiskFullError, match="no space left; make room and run the same command again"):
        atomic_files.write(target, "new")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("taken/inside", "taken: not a folder; name another place"),
        ("taken/deeper/inside", "deeper: not a folder; name another place"),
        ("folder", "folder: Is a directory; name another place"),
        ("x" * 300, "File name too long; name another place"),
    ],
)
def test_a_place_that_cannot_be_written_is_said_in_one_line(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "taken").write_text("kept")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=said):
        atomic_files.write_output(tmp_path / name, "text")
    assert names(tmp_path) == ["folder", "taken"]
