"""Prints how long the command takes: start-up, one answer over everything, many cells, imports.

    python benchmarks/bench.py [--repeats 5]

Whole processes, median of several runs after one that is not counted. Peak memory is the process's own
(`ru_maxrss`). Figures beside an interpreter's bare start say how much of it is ours.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

CELLS = 20_000
HEAD = ("model", "gpu", "num_gpus", "format", "input_tokens", "output_tokens", "concurrency", "engine")
MIB = 1024 * 1024

# Runs a program and tells its wall time and peak memory; its own process, so that the peak is the child's.
PROBE = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
wall = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
told = {"wall_s": wall, "peak_bytes": peak, "code": done.returncode, "err": done.stderr.decode()[-500:]}
print(json.dumps(told))
"""


def probe(command: Sequence[str]) -> dict[str, float]:
    """One run of a program."""
    done = subprocess.run([sys.executable, "-c", PROBE, *command], capture_output=True, text=True, check=True)
    seen: dict[str, float] = json.loads(done.stdout)
    if seen["code"] not in (0, 3):  # 3: nothing keeps the limits, an answer as well
        raise SystemExit(f"{' '.join(command)} ended with {seen['code']}: {seen['err']}")
    return seen


def median(command: Sequence[str], repeats: int) -> tuple[float, float]:
    """Median wall time, s, and peak memory, bytes, of several runs."""
    probe(command)
    runs = [probe(command) for _ in range(repeats)]
    return statistics.median(run["wall_s"] for run in runs), max(run["peak_bytes"] for run in runs)


def cells_file(folder: Path, count: int, concurrency: str) -> Path:
    """A table of `count` questions that differ in model, GPU, format and lengths."""
    models = (
        "Llama-3.1-8B-Instruct",
        "Llama-3.1-70B-Instruct",
        "Qwen2.5-7B-Instruct",
        "Mistral-7B-Instruct-v0.3",
    )
    gpus = ("A6000", "A100", "H100", "L40S")
    formats = ("bf16", "int8", "int4", "fp8")
    path = folder / f"cells-{concurrency}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEAD)
        for i in range(count):
            many = concurrency if concurrency != "mixed" else ("1", "max", "8", "64")[i % 4]
            row = (models[i % 4], gpus[i // 4 % 4], (1, 2, 4)[i // 16 % 3], formats[i // 48 % 4])
            writer.writerow([*row, 128 + i % 4000, 64 + i % 900, many, "vllm 0.7.2"])
    return path


def line(what: str, wall_s: float, peak_bytes: float, bare_s: float, note: str = "") -> None:
    print(f"{what:<44} {1e3 * wall_s:8.0f} ms {wall_s / bare_s:7.1f}x {peak_bytes / MIB:7.0f} MiB  {note}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    command = (sys.executable, "-m", "advisor")
    python, load = sys.version.split()[0], os.getloadavg()[0]
    print(f"Python {python}, {os.cpu_count()} cores, load {load:.1f}; {repeats} repeats")
    print(f"{'':<44} {'wall':>11} {'bare':>8} {'peak':>11}")
    bare, peak = median((sys.executable, "-c", "pass"), repeats)
    line("a bare interpreter", bare, peak, bare)
    for module in ("typer", "rich.table", "numpy", "advisor", "advisor.cli", "advisor.advise.recommend"):
        line(f"import {module}", *median((sys.executable, "-c", f"import {module}"), repeats), bare)
    line("quantadvise --help", *median((*command, "--help"), repeats), bare, "bar 200 ms")
    answer = ("recommend", "Llama-3.3-70B-Instruct", "-w", "rag")
    line("recommend, every GPU and format", *median((*command, *answer), repeats), bare, "bar 1 s, 200 MiB")
    with tempfile.TemporaryDirectory() as folder:
        small = median(
            (*command, "predict", "--cells", str(cells_file(Path(folder), 1, "1")), "-o", "csv"), repeats
        )
        line("predict --cells, one cell", *small, bare)
        for load in ("1", "mixed"):
            path = cells_file(Path(folder), CELLS, load)
            wall, peak = median((*command, "predict", "--cells", str(path), "-o", "csv"), repeats)
            rate = CELLS / (wall - small[0])
            kind = "single-stream" if load == "1" else "mixed loads"
            line(
                f"predict --cells, {CELLS:,} {kind}",
                wall,
                peak,
                bare,
                f"{rate:,.0f} cells/s after start-up, {CELLS / wall:,.0f} in all",
            )


if __name__ == "__main__":
    main()
