"""`quantadvise ui` as it is started, and what it takes along."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from advisor.cli.commands.ui import begin
from tests.command import Command


def test_it_serves_until_it_is_interrupted() -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "advisor", "ui", "--gpu", "L40S", "--port", "0", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert started.stderr is not None
        said = started.stderr.readline()
        address = re.match(r"(http://127\.0\.0\.1:\d+/) answers on this machine alone; Ctrl-C ends it", said)
        assert address, said
        with urllib.request.urlopen(f"{address[1]}api/answer?model=Llama-3.1-8B-Instruct&gpu=L40S") as got:
            assert "L40S" in json.load(got)["parts"]["first"]
        started.send_signal(signal.SIGINT)
        out, rest = started.communicate(timeout=30)
    finally:
        started.kill()
    assert (started.returncode, out) == (0, "")
    assert rest == "ended\n"


def test_a_port_that_is_taken_is_told(quantadvise: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = quantadvise("ui", "--gpu", "L40S", "--port", port, "--no-browser")
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith(f"quantadvise: --port: {port}: Address already in use")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--port", "70000"), "--port: 70000 is not a port"),
        (("Lama-3.1-8B-Instruct",), "unknown model 'Lama-3.1-8B-Instruct'; did you mean"),
        (("--gpu", "H1000"), "unknown GPU 'H1000'"),
        (("--workload", "chatt"), "chatt"),
    ],
)
def test_wrong_input_ends_in_one_line(quantadvise: Command, arguments: tuple[str, ...], told: str) -> None:
    done = quantadvise("ui", *arguments, "--no-browser")
    assert done.code == 1
    assert told in done.err
    assert len(done.err.splitlines()) == 1


def test_without_the_extra_one_line_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, quantadvise: Command
) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    done = quantadvise("ui", "--no-browser")
    assert done.code == 1
    assert done.err == "quantadvise: vl-convert-python is not installed; pip install 'quantadvise[report]'\n"


def test_what_is_named_at_the_start_is_on_the_shelf(tmp_path: Path) -> None:
    profile = tmp_path / "mine.yaml"
    profile.write_text("input_tokens: 300\noutput_tokens: 100\nload: {requests_per_s: 2}\n")
    first, own_inputs = begin("Llama-3.1-8B-Instruct", str(profile), ["L40S", "H100"])
    assert first == {"model": "Llama-3.1-8B-Instruct", "workload": "mine", "gpu": "L40S,H100-SXM"}
    assert own_inputs.models == {}
    assert set(own_inputs.workloads) == {"mine"}
    assert own_inputs.gpus == {}
    assert begin(None, None, ["any"])[0]["gpu"] == ""
