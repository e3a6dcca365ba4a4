"""Prints how long the command takes: start-up, one answer over everything, many cells, imports.

    python benchmarks/bench.py [--repeats 5]

Whole processes, median of several runs after one that is not counted. Peak memory and processor time are the
process's own (`getrusage`); on a busy machine the processor time is the one to read. The factor is processor
time against that of starting Python, in pairs: each run beside a bare start of the same moment. Bars are in
seconds on a quiet machine, and in that factor.
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
from dataclasses import dataclass
from pathlib import Path

QUIET_START_S = 0.013
"""Processor time of starting Python 3.11 on a quiet machine: a bar in seconds over this is a factor."""
CELLS = 20_000
ANY_GPU = ("recommend", "Llama-3.1-8B-Instruct", "--gpu", "any", "-w", "chat")
HEAD = ("model", "gpu", "num_gpus", "format", "input_tokens", "output_tokens", "concurrency", "engine")
MIB = 1024 * 1024

# Runs a program and tells its wall time and peak memory; its own process, so that the peak is the child's.
PROBE = """
import json, resource, subprocess, sys, time
start = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
wall = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
cpu = used.ru_utime + used.ru_stime
told = {"wall_s": wall, "cpu_s": cpu, "peak_bytes": peak, "code": done.returncode}
told["err"] = done.stderr.decode()[-500:]
print(json.dumps(told))
"""


def probe(command: Sequence[str]) -> dict[str, float]:
    """One run of a program."""
    # As installed: pip compiles modules, and an environment that forbids it would time the compiler.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *command], capture_output=True, text=True, check=True, env=environment
    )
    seen: dict[str, float] = json.loads(done.stdout)
    if seen["code"] not in (0, 3):  # 3: nothing keeps the limits, an answer as well
        raise SystemExit(f"{' '.join(command)} ended with {seen['code']}: {seen['err']}")
    return seen


@dataclass(frozen=True)
class Cost:
    """What a program takes: medians of several runs, the peak of all of them."""

    wall_s: float
    cpu_s: float
    peak_bytes: float
    starts: float
    """Processor time as a multiple of starting Python, each run beside such a start."""


def median(command: Sequence[str], repeats: int) -> Cost:
    """Several runs after one that fills the caches, each beside a bare start."""
    bare = (sys.executable, "-c", "pass")
    probe(command)
    pairs = [(probe(bare)["cpu_s"], probe(command)) for _ in range(repeats)]
    runs = [run for _, run in pairs]
    return Cost(
        wall_s=statistics.median(run["wall_s"] for run in runs),
        cpu_s=statistics.median(run["cpu_s"] for run in runs),
        peak_bytes=max(run["peak_bytes"] for run in runs),
        starts=statistics.median(run["cpu_s"] / start for start, run in pairs),
    )


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


def line(what: str, cost: Cost, note: str = "", *, bar_s: float | None = None) -> None:
    """bar_s: the most processor time that it may take on a quiet machine."""
    bar = "" if bar_s is None else f"bar {bar_s:g} s, {bar_s / QUIET_START_S:.0f}x"
    notes = "; ".join(part for part in (bar, note) if part)
    print(
        f"{what:<46} {1e3 * cost.wall_s:7.0f} ms {1e3 * cost.cpu_s:7.0f} ms {cost.starts:6.1f}x "
        f"{cost.peak_bytes / MIB:6.0f} MiB  {notes}".rstrip()
    )


def answer_bytes(command: Sequence[str]) -> int:
    """The size of what a command prints."""
    return len(subprocess.run(command, capture_output=True, check=True).stdout)


def answers(command: Sequence[str], repeats: int) -> None:
    """Start-up and answers, with their bars."""
    line("quantadvise --help", median((*command, "--help"), repeats), bar_s=0.15)
    line(" ".join(ANY_GPU), median((*command, *ANY_GPU), repeats), bar_s=0.7)
    for top, bar in (("50", "; bar 500 kB"), ("all", "")):
        asked = (*command, *ANY_GPU, "-o", "json", "--top", top)
        size = f"{answer_bytes(asked) / 1e3:,.0f} kB{bar}"
        line(f"... -o json --top {top}", median(asked, repeats), size)
    for question in (
        ("Llama-3.1-8B-Instruct", "-w", "summarization"),
        ("Llama-3.3-70B-Instruct", "-w", "rag"),
    ):
        found = median((*command, "recommend", *question), repeats)
        line(f"recommend {' '.join(question)}", found, "every GPU and format; bar 200 MiB", bar_s=0.7)


def cells(command: Sequence[str], repeats: int) -> None:
    """Cells a second, after start-up."""
    with tempfile.TemporaryDirectory() as folder:
        one = cells_file(Path(folder), 1, "1")
        start = median((*command, "predict", "--cells", str(one), "-o", "csv"), repeats)
        line("predict --cells, one cell", start)
        for load_kind, name in (("1", "single-stream"), ("mixed", "mixed loads")):
            path = cells_file(Path(folder), CELLS, load_kind)
            many = median((*command, "predict", "--cells", str(path), "-o", "csv"), repeats)
            after = CELLS / (many.cpu_s - start.cpu_s)
            note = f"{CELLS / many.wall_s:,.0f} cells/s; {after:,.0f} per processor second after start-up"
            line(f"predict --cells, {CELLS:,} {name}", many, note)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    command = (sys.executable, "-m", "advisor")
    python, load = sys.version.split()[0], os.getloadavg()[0]
    print(f"Python {python}, {os.cpu_count()} cores, load {load:.1f}; {repeats} repeats")
    print(f"{'':<46} {'wall':>10} {'processor':>10} {'starts':>7} {'peak':>10}")
    line("a bare interpreter", median((sys.executable, "-c", "pass"), repeats))
    for module in ("typer", "rich.table", "numpy", "advisor", "advisor.cli.app", "advisor.advise.api"):
        line(f"import {module}", median((sys.executable, "-c", f"import {module}"), repeats))
    answers(command, repeats)
    cells(command, repeats)


if __name__ == "__main__":
    main()
