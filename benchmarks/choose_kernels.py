"""Writes measurements/kernels.csv: a few thousand of some hundred thousand published kernel timings.

    python benchmarks/choose_kernels.py WHEEL_TABLE OTHER_TABLE

WHEEL_TABLE: the kernel tables of the wheel aiconfigurator-core 0.12.0 (Apache-2.0) as one CSV, by kind, GPU
and shape. OTHER_TABLE: INT8 and weight-only GEMMs, and cards that the wheel lacks, from pull requests and
other engines, with a licence per row. Rows of the file that is there stay where no newer row speaks of
their GPU and kernel. Left out: launches outside a CUDA graph (block-scaled GEMMs of 60 to 300 µs), kernels
that were not tuned (FP8 experts by FlashInfer on Hopper), FP8 GEMMs of one row on Blackwell (a defect of
that release), matrices that an L2 of 96 MB keeps, and every row without an Apache-2.0, MIT or BSD licence.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from advisor.record.kernel_timing import KernelTiming
from advisor.record.store import read_kernels, write_kernels
from advisor.shipped_files import shipped
from advisor.units import GB, TERA

Row = dict[str, str]
GPUS = {
    "B200-SXM": "B200",
    "B300-SXM": "B300",
    "H200-SXM": "H200",
    "RTX-PRO-6000-Server": "RTX-PRO-6000",
    "RTX 4090": "RTX4090",
    "RTX 5090": "RTX5090",
}
SOURCE = "aiconfigurator-core 0.12: kernels"
FREE = ("Apache-2.0", "MIT", "BSD-3-Clause")
GEMM_SHAPES = {
    (1536, 4096), (2560, 8192), (4096, 1024), (4096, 4096), (6144, 4096), (8192, 8192), (8192, 16384),
    (16384, 4096), (51200, 5120), (51200, 8192),
}  # fmt: skip
TOKENS = {1, 8, 16, 64, 128, 256, 512, 1024, 2048, 8192}
BLACKWELL = ("B200", "B300", "GB200", "GB300")
CACHED_BYTES = {"L40S": 40e6, "RTX-PRO-6000": 140e6}
"""Matrices below this pass through L2 on these cards, where a model's many layers would not."""
CACHE_BYTES = 100e6
"""Attention over a cache below this reads it from L2."""
LAUNCHED_S = 40e-6
"""Prefill attention below this is mostly the launch of the graph that it was timed in."""
REDUCED = {2**p for p in (11, 13, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26)}
DTYPES = {
    "bfloat16": "bf16",
    "fp8": "fp8",
    "fp8_block": "fp8-block",
    "nvfp4": "nvfp4",
    "int8 (W8A8)": "int8",
    "int4 weight-only (W4A16)": "int4 weights",
    "bf16": "bf16",
    "fp16": "fp16",
}
WEIGHT_BYTES = {
    "bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "fp8-block": 1.0, "int8": 1.0, "nvfp4": 0.5625,
    "int4 weights": 0.5,
}  # fmt: skip


def main(wheel: Path, other: Path) -> None:
    folder = shipped("measurements")
    rows = list(from_wheel(wheel)) + list(from_other(other))
    newer = {(row.gpu, row.what) for row in rows}
    kept = [r for r in read_kernels(folder) if (r.gpu, r.what) not in newer or r.source != SOURCE]
    kept = [r for r in kept if r not in rows]
    chosen = sorted([*kept, *rows], key=lambda r: (r.what, r.gpu, r.dtype or "", r.kv_dtype or "", repr(r)))
    write_kernels(folder / "kernels.csv", dict.fromkeys(chosen))
    print(f"{len(chosen)} rows", file=sys.stderr)


def from_wheel(path: Path) -> Iterator[KernelTiming]:
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    yield from fastest([r for row in rows if (r := gemm_of(row)) is not None])
    for row in rows:
        made = {
            "attention_decode": attention_of,
            "attention_prefill": attention_of,
            "all_reduce": all_reduce_of,
        }.get(row["kind"], lambda _: None)(row)
        if made is not None:
            yield made


def fastest(rows: list[KernelTiming]) -> list[KernelTiming]:
    """Of several libraries' kernels for one shape the fastest: what an engine picks."""
    best: dict[tuple[object, ...], KernelTiming] = {}
    for row in rows:
        key = (row.gpu, row.dtype, row.tokens, row.width, row.depth)
        if key not in best or row.seconds < best[key].seconds:
            best[key] = row
    return list(best.values())


def gemm_of(row: Row) -> KernelTiming | None:
    if row["kind"] != "gemm" or row["timing"].startswith("eager"):
        return None
    gpu, dtype = GPUS.get(row["gpu"], row["gpu"]), DTYPES[row["dtype"]]
    m, n, k = (int(row[name]) for name in "mnk")
    if (n, k) not in GEMM_SHAPES or m not in TOKENS or (dtype == "fp8" and m == 1 and gpu in BLACKWELL):
        return None
    if n * k * WEIGHT_BYTES[dtype] < CACHED_BYTES.get(gpu, 0.0):
        return None
    return gemm(gpu, dtype, (m, n, k), float(row["seconds"]), SOURCE, "Apache-2.0", engine(row))


def engine(row: Row) -> str:
    version = row["engine_version"]
    return version if version.startswith(("sglang", "trtllm")) else f"vLLM {version}"


def gemm(
    gpu: str, dtype: str, mnk: tuple[int, int, int], seconds: float, source: str, licence: str, said: str
) -> KernelTiming:
    m, n, k = mnk
    return timing(
        gpu=gpu, what="gemm", dtype=dtype, tokens=m, width=n, depth=None if n == k else k, unit="TFLOPS",
        value=2.0 * m * n * k / seconds / TERA, seconds=seconds, source=source, licence=licence,
        conditions=said,
    )  # fmt: skip


def attention_of(row: Row) -> KernelTiming | None:
    gpu, decode = GPUS.get(row["gpu"], row["gpu"]), row["kind"] == "attention_decode"
    batch, context, heads, kv_heads, size, window = (
        int(row[name]) for name in ("batch", "context", "heads", "kv_heads", "head_dim", "window")
    )
    few = (1, 16, 64, 256) if decode else (1,)
    if batch not in few or (heads, kv_heads, size) not in {
        (32, 8, 128), (8, 1, 128), (64, 8, 64), (16, 4, 256)
    }:  # fmt: skip
        return None
    seconds, kv_bytes = float(row["seconds"]), 1 if row["kv_dtype"] == "fp8" else 2
    reach = min(context, window) if window else context
    least = max(CACHE_BYTES, 4.0 * CACHED_BYTES.get(gpu, 0.0))
    if decode and batch * reach * kv_heads * size * 2 * kv_bytes < least:
        return None
    if not decode and seconds < LAUNCHED_S:
        return None
    if decode:
        value, unit = batch * reach * kv_heads * size * 2 * kv_bytes / seconds / GB, "GB/s"
    else:
        value, unit = 4.0 * batch * pairs(context, window) * heads * size / seconds / TERA, "TFLOPS"
    return timing(
        gpu=gpu, what="attention decode" if decode else "attention prefill", batch=batch, context=context,
        heads=heads, kv_heads=kv_heads, head_dim=size, window=window or None,
        kv_dtype="fp8" if kv_bytes == 1 else "bf16", unit=unit, value=value, seconds=seconds,
        conditions=engine(row),
    )  # fmt: skip


def pairs(context: int, window: int) -> float:
    """Pairs of a query and a key that causal attention multiplies, about."""
    reach = min(window or context, context)
    return reach * (context - 0.5 * reach)


def all_reduce_of(row: Row) -> KernelTiming | None:
    size = 2 * int(row["message"])
    if row["timing"] == "eager" or size not in REDUCED:
        return None
    return timing(
        gpu=GPUS.get(row["gpu"], row["gpu"]), num_gpus=int(row["num_gpus"]), what="all-reduce",
        size_bytes=size, unit="GB/s", value=size / float(row["seconds"]) / GB, seconds=float(row["seconds"]),
        conditions=engine(row),
    )  # fmt: skip


def from_other(path: Path) -> Iterator[KernelTiming]:
    for row in csv.DictReader(path.open(encoding="utf-8")):
        licence = row["licence"].split(" (")[0]
        gpu, dtype = GPUS.get(row["gpu"], row["gpu"]), DTYPES.get(row["dtype"])
        if row["what"] != "gemm" or licence not in FREE or dtype is None or not chosen(row, gpu, dtype):
            continue
        m, n, k = (int(row[name]) for name in "mnk")
        value = float(row["value"])
        seconds = value if row["unit"] == "s" else 2.0 * m * n * k / (value * TERA)
        if n * k * WEIGHT_BYTES[dtype] < CACHED_BYTES.get(gpu, 0.0) / 4:
            continue
        said = "; ".join(x for x in (row["engine"], row["kernel"]) if x)
        yield gemm(gpu, dtype, (m, n, k), seconds, row["source"], licence, said)


def chosen(row: Row, gpu: str, dtype: str) -> bool:
    """Kernels as vLLM runs them, or the nearest to them that anybody timed."""
    kernel = row["kernel"]
    if gpu in ("A100-SXM-80GB", "L40S") and dtype == "int8":
        flushed = "L2 flushed" in row["timing"] or gpu != "L40S"
        return flushed and "cutlass" in kernel.lower() and not kernel.startswith("SmoothQuant")
    if gpu == "H100-SXM" and dtype == "int8":
        return "vLLM cutlass" in kernel
    if gpu in ("RTX4090", "RTX5090", "T4"):
        return True
    return gpu == "H100-SXM" and kernel == "Marlin"


def timing(**facts: object) -> KernelTiming:
    nothing = dict.fromkeys(("dtype", "tokens", "width", "context", "batch", "size_bytes", "date"))
    found = {"num_gpus": 1, "source": SOURCE, "licence": "Apache-2.0", **nothing, **facts}
    for name in ("value", "seconds"):
        found[name] = float(f"{found[name]:.4g}")
    return KernelTiming(**found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
