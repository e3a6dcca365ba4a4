"""What goes wrong before or during a run is one line; nothing that was done is lost."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from advisor.measure.state.ledger import Ledger
from advisor.record import store
from tests.measure.test_run import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(mount(folder, "size=20m"), capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def mount(folder: Path, options: str) -> list[str]:
    return ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]


def told(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that is no progress."""
    assert done.returncode == 1, done.stderr
    [line] = [line for line in done.stderr.splitlines() if line.startswith("quantadvise: ")]
    assert "Traceback" not in done.stderr
    return line


BENCH = ("--formats", "bf16,int4", "--concurrency", "1,4", "--repeats", "1")


def test_a_full_disk_is_one_line_and_with_room_the_same_command_goes_on(place: Place, small_disk: Path):
    place.out = small_disk / "out"
    first = place.run("--formats", "bf16", "--concurrency", "1", "--repeats", "1")
    assert first.returncode == 0, first.stderr
    [kept] = Ledger(place.out)
    room = shutil.disk_usage(small_disk).used + 16_384
    subprocess.run(mount(small_disk, f"remount,size={room}"), check=True)
    line = told(place.run(*BENCH))
    assert "no space left" in line.lower()
    assert "make room and run the same command again" in line
    assert kept in list(Ledger(place.out))
    subprocess.run(mount(small_disk, "remount,size=20m"), check=True)
    again = place.run(*BENCH)
    assert again.returncode == 0, again.stderr
    rows = store.read_speed(place.out / "records")
    assert {(row.format, row.load_value) for row in rows} == {
        (name, value) for name in ("bf16", "int4") for value in (None, 4.0)
    }
    assert len(place.calls("bench 1 ")) == 2  # BF16's was never done again


def test_a_taken_port_is_one_line(place: Place):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        port = one.getsockname()[1]
        line = told(place.run(*BENCH, "--port", str(port)))
    assert f"port {port} is taken" in line
    assert "leave --port out" in line
    assert place.run(*BENCH).returncode == 0


def test_an_unknown_task_is_said_before_anything_is_measured(place: Place):
    line = told(place.run(*BENCH, "--tasks", "tiny_mc,tiny_mcc"))
    assert line == "quantadvise: lm-eval has no task 'tiny_mcc'; did you mean tiny_mc?"
    assert place.calls("serve") == []


def test_a_tool_that_is_too_old_is_one_line_with_its_remedy(place: Place):
    line = told(place.run(*BENCH, STAND_IN_VLLM="0.6.3"))
    assert "vLLM (serve, bench) 0.6.3 is older than 0.12; run: quantadvise tools install vllm" in line


def test_an_empty_calibration_file_is_said_before_anything_is_measured(place: Place):
    (place.root / "c.jsonl").write_text("\n")
    line = told(place.run(*BENCH))
    assert "c.jsonl: the calibration file is empty; it needs one sample per line" in line
    assert place.calls("") == []


def test_gpus_that_are_not_there(place: Place):
    line = told(place.run(*BENCH, "--gpus", "6"))
    assert "no GPU 6 here; there are: none" in line or "no GPU 6 here; there are: 0" in line
