"""Time what a serving engine is made of, with PyTorch alone. `calibrate_worker.py SPEC.json RESULT.json`

No weights, no vLLM. Runs in any environment with torch and imports nothing of ours. One row per thing timed:
what, its shape, seconds per call (median of blocks), and the rate that follows. What this build or device
cannot do is a row with a reason in place of a rate.
"""
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

BLOCKS = 5


class Timer:
    """Median seconds per call, in blocks long enough for the clock."""

    def __init__(self, torch: Any, device: str, block_s: float) -> None:
        self.torch = torch
        self.device = device
        self.block_s = block_s

    def sync(self) -> None:
        if self.device == "cuda":
            self.torch.cuda.synchronize()

    def seconds(self, call: Callable[[], Any]) -> float:
        """Per call; the first calls warm up and set the number per block."""
        call()
        self.sync()
        start = time.perf_counter()
        call()
        self.sync()
        once = max(time.perf_counter() - start, 1e-7)
        count = max(1, min(2_000, round(self.block_s / once)))
        times = []
        for _ in range(BLOCKS):
            start = time.perf_counter()
            for _ in range(count):
                call()
            self.sync()
            times.append((time.perf_counter() - start) / count)
        return sorted(times)[BLOCKS // 2]


class Rows:
    """What was timed so far."""

    def __init__(self, timer: Timer, deadline: float) -> None:
        self.timer = timer
        self.deadline = deadline
        self.rows: list[dict[str, Any]] = []

    def add(
        self, what: str, make: Callable[[], Callable[[], Any]], *, work: float, unit: str, **shape: Any
    ) -> None:
        """Time the call that `make` prepares; `work` ÷ seconds is the rate in `unit`."""
        row: dict[str, Any] = {"what": what, "unit": unit, **shape}
        if time.monotonic() > self.deadline:
            self.rows.append(row | {"skipped": "out of time"})
            return
        try:
            seconds = self.timer.seconds(make())
        except (
            RuntimeError,
            NotImplementedError,
            AttributeError,
            TypeError,
            ValueError,
            AssertionError,
        ) as error:
            lines = str(error).strip().splitlines()
            self.rows.append(row | {"skipped": f"{type(error).__name__}: {lines[0] if lines else ''}"[:200]})
            return
        self.rows.append(row | {"seconds": seconds, "rate": work / seconds})


def memory(rows: Rows, torch: Any, device: str, size: int) -> None:
    """Bytes per second of reading, and of copying (read and write counted)."""
    source = torch.ones(size // 4, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    rows.add("memory read", lambda: source.sum, work=size / 1e9, unit="GB/s", bytes=size)
    rows.add(
        "memory copy", lambda: lambda: target.copy_(source), work=2 * size / 1e9, unit="GB/s", bytes=size
    )


def gemms(rows: Rows, torch: Any, device: str, width: int, token_counts: list[int]) -> None:
    """Rates of tokens × width times width × width, by type."""
    for tokens in token_counts:
        work = 2 * tokens * width * width / 1e12

        def plain(dtype: Any, tokens: int = tokens) -> Callable[[], Any]:
            a = torch.randn(tokens, width, device=device).to(dtype)
            b = torch.randn(width, width, device=device).to(dtype)
            return lambda: torch.mm(a, b)

        def scaled(tokens: int = tokens) -> Callable[[], Any]:
            a = torch.randn(tokens, width, device=device).to(torch.float8_e4m3fn)
            b = torch.randn(width, width, device=device).to(torch.float8_e4m3fn).t()
            left = torch.ones(tokens, 1, device=device)
            right = torch.ones(1, width, device=device)
            return lambda: torch._scaled_mm(a, b, scale_a=left, scale_b=right, out_dtype=torch.bfloat16)

        def integer(tokens: int = tokens) -> Callable[[], Any]:
            a = torch.randint(-127, 127, (tokens, width), device=device, dtype=torch.int8)
            b = torch.randint(-127, 127, (width, width), device=device, dtype=torch.int8).t()
            return lambda: torch._int_mm(a, b)

        def four_bit(tokens: int = tokens) -> Callable[[], Any]:
            a = torch.randn(tokens, width, device=device).to(torch.bfloat16)
            groups = torch.ones(width // 128, width, 2, device=device).to(torch.bfloat16)
            if device == "cuda":
                packed = torch.randint(0, 255, (width, width // 2), device=device, dtype=torch.uint8)
                weight = torch._convert_weight_to_int4pack(packed, 8)
                return lambda: torch._weight_int4pack_mm(a, weight, 128, groups)
            whole = torch.randint(0, 15, (width, width), device=device, dtype=torch.int32)
            weight = torch._convert_weight_to_int4pack_for_cpu(whole, 1)
            return lambda: torch._weight_int4pack_mm_for_cpu(a, weight, 128, groups)

        for name, make in (
            ("bf16", lambda: plain(torch.bfloat16)),
            ("fp16", lambda: plain(torch.float16)),
            ("fp8", scaled),
            ("int8", integer),
            ("int4 weights", four_bit),
        ):
            rows.add("gemm", make, work=work, unit="TFLOPS", type=name, tokens=tokens, width=width)


def attention(rows: Rows, torch: Any, device: str, context: int, batch: int) -> None:
    """Prefill of one prompt, and a decode step of a batch over a cache, 32 query and 8 KV heads of 128."""
    functional = torch.nn.functional
    heads, kv_heads, dim = 32, 8, 128

    def tensors(queries: int, many: int) -> tuple[Any, Any, Any]:
        kind = {"device": device, "dtype": torch.bfloat16}
        q = torch.randn(many, heads, queries, dim, **kind)
        k = torch.randn(many, kv_heads, context, dim, **kind)
        return q, k, torch.randn(many, kv_heads, context, dim, **kind)

    def prefill() -> Callable[[], Any]:
        q, k, v = tensors(context, 1)
        return lambda: functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)

    def decode() -> Callable[[], Any]:
        q, k, v = tensors(1, batch)
        return lambda: functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)

    flop = 4 * heads * dim * context * context / 2
    rows.add("attention prefill", prefill, work=flop / 1e12, unit="TFLOPS", context=context)
    cache = 2 * kv_heads * dim * context * batch * 2
    rows.add("attention decode", decode, work=cache / 1e9, unit="GB/s", context=context, batch=batch)


def launch(rows: Rows, torch: Any, device: str) -> None:
    """Launches per second of a kernel with nothing to do."""
    one = torch.zeros(1, device=device)
    rows.add("launch", lambda: lambda: one.add_(1), work=1.0, unit="launches/s")


def _reduce(rank: int, world: int, port: int, size: int, out: str) -> None:
    """One rank of the all-reduce."""
    import torch
    import torch.distributed as dist

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.cuda.set_device(rank)
    dist.init_process_group("nccl", rank=rank, world_size=world)
    values = torch.ones(size // 2, dtype=torch.bfloat16, device="cuda")
    for _ in range(5):
        dist.all_reduce(values)
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(20):
        dist.all_reduce(values)
    torch.cuda.synchronize()
    if rank == 0:
        with open(out, "w", encoding="utf-8") as file:
            json.dump((time.perf_counter() - start) / 20, file)
    dist.destroy_process_group()


def all_reduce(rows: Rows, torch: Any, scratch: str) -> None:
    """Seconds of an all-reduce over all GPUs; the rate is size ÷ seconds, not bus bandwidth."""
    import socket

    import torch.multiprocessing as mp

    world = torch.cuda.device_count()
    for size in (1 << 16, 1 << 22, 1 << 26):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        row = {"what": "all-reduce", "unit": "GB/s", "bytes": size, "gpus": world}
        try:
            mp.spawn(_reduce, args=(world, port, size, scratch), nprocs=world)
            with open(scratch, encoding="utf-8") as file:
                seconds = float(json.load(file))
        except Exception as error:
            rows.rows.append(row | {"skipped": f"{type(error).__name__}"})
            continue
        rows.rows.append(row | {"seconds": seconds, "rate": size / 1e9 / seconds})


def main(spec: dict[str, Any], result_path: str) -> None:
    """Time everything within the seconds given, most important first."""
    import torch

    device = "cuda" if spec["device"] != "cpu" and torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    small = device == "cpu"
    timer = Timer(torch, device, 0.03 if small else 0.1)
    rows = Rows(timer, time.monotonic() + float(spec["seconds"]))
    with torch.inference_mode():
        memory(rows, torch, device, 256_000_000 if small else 2_000_000_000)
        launch(rows, torch, device)
        tokens = [1, 16, 128] if small else [1, 8, 16, 64, 256, 1_024, 4_096, 16_384]
        gemms(rows, torch, device, 1_024 if small else 8_192, tokens)
        attention(rows, torch, device, 256 if small else 4_096, 2 if small else 32)
    if device == "cuda" and torch.cuda.device_count() > 1:
        all_reduce(rows, torch, f"{result_path}.all_reduce")
    row: dict[str, Any] = {
        "torch": torch.__version__,
        "device": device,
        "threads": torch.get_num_threads(),
        "rows": rows.rows,
    }
    if device == "cuda":
        seen = torch.cuda.get_device_properties(0)
        row["gpu"] = {
            "name": seen.name,
            "memory_bytes": seen.total_memory,
            "capability": f"{seen.major}.{seen.minor}",
            "sms": seen.multi_processor_count,
            "cuda": torch.version.cuda,
        }
    with open(f"{result_path}.partial", "w", encoding="utf-8") as file:
        json.dump(row, file, indent=1)
    os.replace(f"{result_path}.partial", result_path)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as spec_file:
        main(json.load(spec_file), sys.argv[2])
