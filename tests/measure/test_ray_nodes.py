"""`measure --executor ray` on a real local cluster: three nodes with fake GPUs, steps that take a second.

The tools are stand-ins; Ray is real. One node is killed, the driver is killed and resumed, a node joins late.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from advisor.measure.tools import envs
from advisor.record import store
from tests.measure.test_real_loop import repository, wait_for_port
from tests.measure.test_run import Place

pytestmark = pytest.mark.heavy
RESOURCE = {"gpu:H100-SXM": 1}
LIMIT_S = 400.0


class Cluster:
    """A head without GPUs, and nodes with one each."""

    def __init__(self, place: Place) -> None:
        found = envs.find("ray")
        if found is None:
            pytest.skip("needs quantadvise tools install ray")
        self.python = found.python
        self.port = 6380 + os.getpid() % 500
        self.address = f"127.0.0.1:{self.port}"
        # A socket's path has at most 107 bytes, and Ray's lie below this folder.
        self.home = Path(tempfile.mkdtemp(prefix="ray-"))
        self.place = place
        self.env = place.env | {"PYTHONPATH": str(repository()), "RAY_DISABLE_MEMORY_MONITOR": "1"}
        self.nodes: list[subprocess.Popen[bytes]] = []
        self.head = self._start("--head", "--port", str(self.port), "--num-cpus", "0", "--num-gpus", "0")
        wait_for_port(self.port)

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        argv = [str(self.python.parent / "ray"), "start", *words, "--disable-usage-stats", "--block"]
        if "--head" in words:
            argv += ["--include-dashboard", "false", "--temp-dir", str(self.home)]
        log = (self.home / "nodes.log").open("ab")
        return subprocess.Popen(argv, stdout=log, stderr=log, env=self.env, start_new_session=True)

    def add_node(self) -> subprocess.Popen[bytes]:
        words = ("--num-cpus", "1", "--num-gpus", "1", "--resources", json.dumps(RESOURCE))
        node = self._start("--address", self.address, *words)
        self.nodes.append(node)
        return node

    def measure(self, *words: str) -> subprocess.Popen[str]:
        argv = [
            str(self.python),
            *self.place.argv(*words)[1:],
            "--executor",
            "ray",
            "--address",
            self.address,
        ]
        return subprocess.Popen(
            argv,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def close(self) -> None:
        for one in (*self.nodes, self.head):
            kill_group(one)
        shutil.rmtree(self.home, ignore_errors=True)


def kill_group(one: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """A node, or a driver, with all that it started, at once."""
    try:
        os.killpg(one.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    one.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(Place(tmp_path))
    made.place.env["STAND_IN_SLOW"] = "1"
    made.env["STAND_IN_SLOW"] = "1"
    try:
        yield made
    finally:
        made.close()


def finished(run: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and stderr, within the limit."""
    try:
        _, err = run.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        kill_group(run)
        raise
    return run.returncode, err


def wait_for(run: subprocess.Popen[str], words: str) -> None:
    assert run.stderr is not None
    for line in run.stderr:
        if words in line:
            return
    raise AssertionError(f"the run ended without '{words}'")


WORDS = ("--formats", "bf16,int8,int4", "--concurrency", "1,4,8", "--repeats", "2")


def test_a_killed_node_a_killed_driver_and_a_late_node_lose_no_record(cluster: Cluster) -> None:
    first, _ = cluster.add_node(), cluster.add_node()
    driver = cluster.measure(*WORDS)
    wait_for(driver, "#1:")
    kill_group(first)  # a node is lost with its job
    cluster.add_node()  # and another joins late
    wait_for(driver, "#2:")
    kill_group(driver)  # the driver is lost, too
    time.sleep(2)
    code, err = finished(cluster.measure(*WORDS))
    assert code == 0, err
    rows = store.read_speed(cluster.place.out / "records")
    assert {(row.format, row.load_value) for row in rows} == {
        (format, value) for format in ("bf16", "int8", "int4") for value in (None, 4.0, 8.0)
    }
    assert {row.gpu for row in rows} == {"H100-SXM"}
    assert {row.repeats for row in rows} == {2}
