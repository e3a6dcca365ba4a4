"""Servers: memory figures of real logs, commands as text, endpoints that err or hang as one line."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from advisor.errors import InputError, ToolFailedError
from advisor.measure.steps import server
from advisor.measure.steps.server import Serving
from advisor.measure.tools import envs, tool

CPU_LOG = (  # vLLM 0.32.0 on a CPU
    "(EngineCore pid=16143) INFO 11-23 11:46:43 [kv_cache_utils.py:2327] CPU KV cache size: 524,288 tokens, "
    "Maximum concurrency for 1,024 tokens per request: 512.00x\n"
)


@contextmanager
def answering(status: int, body: str) -> Iterator[str]:
    """A real HTTP server on loopback that gives one answer."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *arguments: object) -> None:
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as one:
        thread = threading.Thread(target=one.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{one.server_address[1]}"
        one.shutdown()


def test_memory_figures_of_a_log():
    assert server.facts(CPU_LOG) == {"kv_cache_tokens": 524288.0, "kv_cache_concurrency": 512.0}


def test_a_log_that_says_nothing_has_no_figures():
    assert server.facts("INFO starting") == {}


def test_the_command_of_a_server():
    found = envs.FoundTool(
        tool=envs.find_tool_row("vllm"), python=Path("/env/bin/python"), version="0.32.0", where="test"
    )
    serving = Serving(model="/m", tensor_parallel=2, kv_fp8=True, max_model_len=4096, dummy=True)
    assert " ".join(server.command(found, serving, port=8123, served_name="x")) == (
        "/env/bin/python -m vllm.entrypoints.cli.main serve /m --served-model-name x --host 127.0.0.1 "
        "--port 8123 --tensor-parallel-size 2 --seed 0 --no-enable-prefix-caching --kv-cache-dtype fp8 "
        "--max-model-len 4096 --load-format dummy"
    )


def test_an_endpoint_that_serves_a_model():
    with answering(200, '{"data": [{"id": "llama"}]}') as url:
        found = server.connect(f"{url}/v1/")
    assert (found.served_name, found.url) == ("llama", url)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (500, "oops", "answers 500"),
        (200, "<html>", "not an OpenAI-style list of models"),
        (200, '{"data": []}', "serves no model"),
    ],
)
def test_an_endpoint_that_errs_is_one_line(status: int, body: str, message: str):
    with answering(status, body) as url, pytest.raises(ToolFailedError, match=message) as caught:
        server.connect(url)
    assert "\n" not in str(caught.value)


def test_an_endpoint_that_hangs_is_given_up():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(ToolFailedError, match="is the server up"):
            server.connect(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.5)


def test_nobody_listens():
    with pytest.raises(ToolFailedError, match="refused; is the server up"):
        server.connect(f"http://127.0.0.1:{server.free_port()}")


def test_another_model_than_the_one_asked_for():
    with (
        answering(200, '{"data": [{"id": "llama"}]}') as url,
        pytest.raises(InputError, match="serves llama, not qwen"),
    ):
        server.connect(url, model="qwen")


def test_a_taken_port_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="is taken"):
            server.check_port(taken.getsockname()[1])


def test_a_server_that_ends_before_it_is_ready_says_why(tmp_path: Path):
    # A stand-in interpreter whose `-m vllm…` fails as vLLM does without its package.
    found = envs.FoundTool(
        tool=envs.find_tool_row("vllm"), python=Path(envs.sys.executable), version="0", where="test"
    )
    with (
        pytest.raises(tool.ToolError, match=r"before it was ready: .*No module"),
        server.serve(found, Serving(model="/m"), served_name="x", log=tmp_path / "log", env={}, limit_s=60),
    ):
        pass
