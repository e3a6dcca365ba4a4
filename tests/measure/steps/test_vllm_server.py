"""Servers: memory figures of real logs, commands as text."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from advisor.errors import InputError
from advisor.measure.steps import vllm_server
from advisor.measure.steps.vllm_server import Serving
from advisor.measure.tools import envs, subprocesses

CPU_LOG = (  # vLLM 0.32.0 on a CPU
    "(EngineCore pid=16143) INFO 11-23 11:46:43 [kv_cache_utils.py:2327] CPU KV cache size: 524,288 tokens, "
    "Maximum concurrency for 1,024 tokens per request: 512.00x\n"
)


def test_memory_figures_of_a_log():
    assert vllm_server.facts(CPU_LOG) == {"kv_cache_tokens": 524288.0, "kv_cache_concurrency": 512.0}


def test_a_log_that_says_nothing_has_no_figures():
    assert vllm_server.facts("INFO starting") == {}


def test_the_command_of_a_server():
    found = envs.FoundTool(
        tool=envs.find_tool_row("vllm"), python=Path("/env/bin/python"), version="0.32.0", where="test"
    )
    serving = Serving(model="/m", tensor_parallel=2, kv_fp8=True, max_model_len=4096, dummy=True)
    assert " ".join(vllm_server.command(found, serving, port=8123, served_name="x")) == (
        "/env/bin/python -m vllm.entrypoints.cli.main serve /m --served-model-name x --host 127.0.0.1 "
        "--port 8123 --tensor-parallel-size 2 --seed 0 --no-enable-prefix-caching --kv-cache-dtype fp8 "
        "--max-model-len 4096 --load-format dummy"
    )


def test_a_taken_port_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="is taken"):
            vllm_server.check_port(taken.getsockname()[1])


def test_a_server_that_ends_before_it_is_ready_says_why(tmp_path: Path):
    # A stand-in interpreter whose `-m vllm…` fails as vLLM does without its package.
    found = envs.FoundTool(
        tool=envs.find_tool_row("vllm"), python=Path(envs.sys.executable), version="0", where="test"
    )
    with (
        pytest.raises(subprocesses.ToolError, match=r"before it was ready: .*No module"),
        vllm_server.serve(
            found, Serving(model="/m"), served_name="x", log=tmp_path / "log", env={}, limit_s=60
        ),
    ):
        pass
