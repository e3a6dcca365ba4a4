"""A vLLM server of our own on a free loopback port, for as long as a block runs."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from advisor.errors import InputError
from advisor.measure.steps.running_server import version_of
from advisor.measure.tools import http, subprocesses
from advisor.measure.tools.envs import FoundTool

POLL_S = 0.25
HOST = "127.0.0.1"
PORT_ATTEMPTS = 3
MAX_START_LOG_BYTES = 8_000_000
"""What is read of a log for its memory figures; vLLM writes about 20 kB until it is up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What `vllm serve` is asked for, apart from where it listens."""

    model: str
    """Folder or Hub name of the checkpoint."""
    revision: str | None = None
    tensor_parallel: int = 1
    kv_fp8: bool = False
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    gpu_memory_utilization: float | None = None
    prefix_caching: bool = False
    dummy: bool = False
    seed: int = 0
    extra: tuple[str, ...] = ()
    """Arguments that the user adds, as typed."""

    def arguments(self) -> list[str]:
        """Everything after `vllm serve MODEL` that shapes speed; part of every record's conditions."""
        words = ["--tensor-parallel-size", str(self.tensor_parallel), "--seed", str(self.seed)]
        words.append("--enable-prefix-caching" if self.prefix_caching else "--no-enable-prefix-caching")
        if self.revision is not None:
            words += ["--revision", self.revision]
        if self.kv_fp8:
            words += ["--kv-cache-dtype", "fp8"]
        if self.max_model_len is not None:
            words += ["--max-model-len", str(self.max_model_len)]
        if self.max_num_seqs is not None:
            words += ["--max-num-seqs", str(self.max_num_seqs)]
        if self.gpu_memory_utilization is not None:
            words += ["--gpu-memory-utilization", str(self.gpu_memory_utilization)]
        if self.dummy:
            words += ["--load-format", "dummy"]
        return [*words, *self.extra]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A server that answers."""

    url: str
    """Without a path: `http://127.0.0.1:8123`."""
    served_name: str
    version: str | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What its log says about memory."""
    program: subprocesses.Running | None = None
    """The process; None for a server that was already running."""

    def dead(self) -> bool:
        """Whether a server of ours has ended."""
        return self.program is not None and self.program.exit_code() is not None


def command(found: FoundTool, serving: Serving, *, port: int, served_name: str) -> list[str]:
    """`vllm serve`, by its module: a moved environment has no working script."""
    return [
        *(str(found.python), "-m", "vllm.entrypoints.cli.main", "serve", serving.model),
        *("--served-model-name", served_name, "--host", HOST, "--port", str(port)),
        *serving.arguments(),
    ]


def free_port() -> int:
    """A loopback port that is free right now."""
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


def check_port(port: int) -> None:
    """Raises InputError when `port` is in use."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((HOST, port))
        except OSError as error:
            raise InputError(f"port {port} is taken ({error.strerror}); leave --port out") from error


_FACTS: tuple[tuple[str, str, Callable[[str], float]], ...] = (
    ("kv_cache_tokens", r"KV cache size: ([\d,]+) tokens", lambda text: float(text.replace(",", ""))),
    ("kv_cache_gib", r"Available KV cache memory: ([\d.]+) GiB", float),
    ("kv_cache_concurrency", r"Maximum concurrency for [\d,]+ tokens per request: ([\d.]+)x", float),
    ("weights_gib", r"[Mm]odel loading took ([\d.]+) ?GiB", float),
    ("graph_capture_gib", r"Graph capturing finished in .* took ([\d.]+) GiB", float),
)


def facts(log: str) -> dict[str, float]:
    """Memory figures a vLLM log states; absent when it does not."""
    found = {}
    for name, pattern, number in _FACTS:
        match = re.search(pattern, log)
        if match:
            found[name] = number(match[1])
    return found


def _ready(program: subprocesses.Running, url: str, served_name: str) -> bool:
    """Whether our server, and no other, answers under `url`."""
    try:
        http.fetch(f"{url}/health", deadline_s=5, max_bytes=1_000)
        names = [row["id"] for row in http.fetch_json(f"{url}/v1/models", deadline_s=5)["data"]]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return served_name in names and program.exit_code() is None


@contextmanager
def serve(
    found: FoundTool,
    serving: Serving,
    *,
    served_name: str,
    log: Path,
    env: Mapping[str, str],
    limit_s: float,
    port: int | None = None,
) -> Iterator[Endpoint]:
    """Start, wait until healthy, stop at the end. Raises ToolError when it is not up within `limit_s`."""
    for attempt in range(PORT_ATTEMPTS):
        if port is not None:
            check_port(port)
        chosen = port or free_port()
        argv = command(found, serving, port=chosen, served_name=served_name)
        with subprocesses.running(argv, log=log, name="vllm serve", env=env) as program:
            url = f"http://{HOST}:{chosen}"
            end = time.monotonic() + limit_s
            while not _ready(program, url, served_name) and program.wait(POLL_S) is None:
                if time.monotonic() > end:
                    raise program.failure(f"not ready after its limit of {limit_s:.0f} s", timed_out=True)
            code = program.exit_code()
            if code is not None:
                taken = "address already in use" in subprocesses.tail(log).lower()
                if taken and port is None and attempt + 1 < PORT_ATTEMPTS:
                    continue  # somebody took the port between our look and vLLM's
                raise program.failure(f"{subprocesses.ending(code)} before it was ready")
            with log.open("rb") as file:
                text = file.read(MAX_START_LOG_BYTES).decode("utf-8", "replace")
            yield Endpoint(
                url=url,
                served_name=served_name,
                version=version_of(url),
                facts=facts(text),
                program=program,
            )
            return
