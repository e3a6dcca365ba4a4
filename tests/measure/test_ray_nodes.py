"""`measure --executor ray` on a real local cluster: nodes with fake GPUs, steps that take a second.

The tools are stand-ins; Ray is real, and started by the commands of docs/measuring.md. A node is killed, one
joins late, the driver is killed and resumed. Every wait is for a state, never for a time.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from advisor.measure.tools import envs
from advisor.record import store
from tests.documents import ROOT, blocks
from tests.measure.ray_start import kill_group, started
from tests.measure.test_real_loop import repository
from tests.measure.test_run import Place

pytestmark = pytest.mark.heavy
PAGE = ROOT / "docs" / "measuring.md"
LIMIT_S = 900.0
"""Bound of a wait that would never end; a machine under load takes a tenth of it."""
PLAN = """\
model: model
workload: w.yaml
formats: [bf16, int8, int4]
concurrency: [1, 4, 8]
repeats: 2
calibration: {source: c.jsonl}
"""


def documented() -> list[list[str]]:
    """The commands by which the page starts a head, a node and the driver."""
    [block] = [one for one in blocks(PAGE) if one.kind == "sh" and "ray start" in one.body]
    return [shlex.split(line) for line in block.body.splitlines() if not line.startswith("#")]


class Cluster:
    """A head without GPUs, and nodes with one each."""

    def __init__(self, place: Place) -> None:
        found = envs.find("ray")
        if found is None:
            pytest.skip("needs quantadvise tools install ray")
        self.python = found.python
        self.port = 6380 + os.getpid() % 500
        # A socket's path has at most 107 bytes, and Ray's lie below this folder.
        self.home = Path(tempfile.mkdtemp(prefix="ray-"))
        self.place = place
        self.env = place.env | {"PYTHONPATH": str(repository()), "RAY_DISABLE_MEMORY_MONITOR": "1"}
        self.plan = place.root / "plan.yaml"
        self.plan.write_text(PLAN)
        self.head_words, self.node_words, self.driver_words = documented()
        self.nodes: list[subprocess.Popen[bytes]] = []
        quiet = ("--include-dashboard", "false", "--temp-dir", str(self.home))
        self.head = self._start("head", [*self._here(self.head_words), *quiet], {})

    def _here(self, words: list[str]) -> list[str]:
        """The page's words with this machine's address, folder and one fake GPU to a node."""
        changed = {"quantadvise": "advisor", "8": "1", "/shared/run": str(self.place.out)}
        named = {"HEAD": "127.0.0.1", "6379": str(self.port), ": 8}": ": 1}", "plan.yaml": str(self.plan)}
        found = []
        for word in words:
            text = changed.get(word, word)
            for old, new in named.items():
                text = text.replace(old, new)
            found.append(text)
        return found

    def _start(self, name: str, words: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
        ray, *rest = words
        return started([self.python.parent / ray, *rest], self.env | env, self.home / f"{name}.log")

    def add_node(self, name: str) -> subprocess.Popen[bytes]:
        """A node whose tools note its name."""
        words = [*self._here(self.node_words), "--num-cpus", "1"]
        node = self._start(name, words, {"STAND_IN_NODE": name})
        self.nodes.append(node)
        return node

    def measure(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.python), "-m", *self._here(self.driver_words)],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for_benchmarks(self, driver: subprocess.Popen[str], *names: str) -> None:
        """Until a benchmark has begun on every one of these nodes."""
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            assert driver.poll() is None, driver.communicate()
            begun = self.place.calls("bench")
            if all(any(f"node={name} " in line for line in begun) for name in names):
                return
            time.sleep(0.2)
        raise AssertionError(f"no benchmark on all of {names}: {self.place.notes.read_text()}")

    def close(self) -> None:
        for one in (*self.nodes, self.head):
            kill_group(one)
        shutil.rmtree(self.home, ignore_errors=True)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    place = Place(tmp_path)
    place.env |= {"STAND_IN_SLOW": "1", "STAND_IN_GATE": str(tmp_path / "gate")}
    made = Cluster(place)
    try:
        yield made
    finally:
        (tmp_path / "gate").touch()  # whatever still waits there ends
        made.close()


def finished(run: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and stderr, within the limit."""
    try:
        _, err = run.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        kill_group(run)
        raise
    return run.returncode, err


def wait_for(run: subprocess.Popen[str], words: str) -> list[str]:
    """The lines of its stderr up to one with `words`."""
    assert run.stderr is not None
    watch = threading.Timer(LIMIT_S, run.kill)
    watch.start()
    lines = []
    try:
        for line in run.stderr:
            lines.append(line)
            if words in line:
                return lines
    finally:
        watch.cancel()
    raise AssertionError(f"the run ended without '{words}': {''.join(lines)}")


def test_a_killed_node_a_late_node_and_a_killed_driver_lose_no_record(cluster: Cluster) -> None:
    first, *_ = [cluster.add_node(name) for name in ("first", "second", "third")]
    driver = cluster.measure()
    cluster.wait_for_benchmarks(
        driver, "first", "second", "third"
    )  # each has a format, and waits at the gate
    kill_group(first)  # a node is lost with its job
    wait_for(driver, "its worker is gone; starting again")
    cluster.add_node("late")  # the others are busy: the lost job waits for a node that joins
    cluster.wait_for_benchmarks(driver, "late")
    (cluster.place.root / "gate").touch()
    wait_for(driver, "#2:")
    kill_group(driver)  # the driver is lost, too
    code, err = finished(cluster.measure())
    assert code == 0, err
    rows = store.read_speed(cluster.place.out / "records")
    assert {(row.format, row.load_value) for row in rows} == {
        (format, value) for format in ("bf16", "int8", "int4") for value in (None, 4.0, 8.0)
    }
    assert {row.gpu for row in rows} == {"H100-SXM"}
    assert {row.repeats for row in rows} == {2}
    assert (cluster.place.out / "report.html").exists()
