"""The real tools under bad input: an endpoint that errs or hangs, an unknown task, a disk that is full."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from advisor.measure.state.ledger import Ledger
from advisor.measure.tools import envs
from advisor.record import store
from tests.measure.test_real_loop import MAKER, WORKLOAD, quantadvise

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def place(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model, tasks, calibration data, a workload."""
    root = tmp_path_factory.mktemp("bad")
    subprocess.run([envs.require("quantize").python, MAKER, root, "0"], check=True, capture_output=True)
    (root / "workload.yaml").write_text(WORKLOAD)
    return root


class Broken(http.server.BaseHTTPRequestHandler):
    """Lists a model; answers completions with `status`, or not at all."""

    status = 500
    hangs = False

    def do_GET(self) -> None:
        body = json.dumps({"data": [{"id": "theirs"}], "version": "0.32.0"}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.hangs:
            time.sleep(600)
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        return


@pytest.fixture
def endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    handler = type("Handler", (Broken,), {"hangs": request.param == "hangs"})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize(
    ("endpoint", "reasons"),
    [("errs", {"too_many_failures", "crash"}), ("hangs", {"timeout"})],
    indirect=["endpoint"],
)
def test_an_endpoint_that_errs_or_hangs_is_a_failure_with_its_reason(
    endpoint: str, reasons: set[str], place: Path, tmp_path: Path
):
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        f"model: {place / 'model'}\nworkload: {place / 'workload.yaml'}\nconcurrency: 2\nrepeats: 1\n"
        f"requests: 4\nbench_limit_s: {60 if reasons == {'timeout'} else 600}\n"
    )
    done = quantadvise("measure", plan, "--yes", "--endpoint", endpoint, "--out", tmp_path / "out")
    assert "Traceback" not in done.stderr
    [failure] = store.read_failures(tmp_path / "out" / "records")
    assert failure.stage == "bench"
    assert failure.reason in reasons
    assert store.read_speed(tmp_path / "out" / "records") == []
    assert [line for line in done.stderr.splitlines() if failure.reason.replace("_", " ") in line]


def test_an_unknown_task_is_one_line_before_anything_is_served(place: Path, tmp_path: Path):
    done = quantadvise(
        *("measure", "--model", place / "model", "--workload", place / "workload.yaml", "--yes"),
        *("--tasks", "tiny_fact", "--task-folder", place / "tasks", "--out", tmp_path / "out"),
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "lm-eval has no task 'tiny_fact'; did you mean tiny_facts" in line


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_llm_compressor_on_a_full_disk_goes_on_when_there_is_room(place: Path, tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o"]
    if subprocess.run([*mount, "size=400k", "tmpfs", disk], capture_output=True).returncode != 0:
        pytest.skip("no file system may be mounted here")
    words = (
        *("measure", "--model", place / "model", "--workload", place / "workload.yaml", "--yes"),
        *("--formats", "int8", "--calibration", place / "calibration.jsonl", "--calibration-length", 64),
        *("--evaluate-with", "hf", "--tasks", "tiny_facts", "--task-folder", place / "tasks", "--limit", 8),
        *("--out", disk / "out"),
    )
    try:
        full = quantadvise(*words)
        assert full.returncode == 1
        [line] = [line for line in full.stderr.splitlines() if line.startswith("quantadvise: ")]
        assert "make room and run the same command again" in line
        assert [entry for entry in Ledger(disk / "out") if entry.failure is not None] == []
        subprocess.run([*mount, "remount,size=50m", "tmpfs", disk], check=True)
        done = quantadvise(*words)
        assert done.returncode == 0, done.stderr
        assert {row.task for row in store.read_quality(disk / "out" / "records")} == {"tiny_facts"}
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
