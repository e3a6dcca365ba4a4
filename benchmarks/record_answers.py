"""Records the answers to fixed questions, and compares two recordings byte for byte.

    python benchmarks/record_answers.py record DIR [--fit]
    python benchmarks/record_answers.py compare BEFORE AFTER

`record` writes the JSON of 40 questions, the answers to 5,000 cells and, with `--fit`,
the result of `fit --dry-run`.
A change that only moves code leaves every file as it was; a change of behaviour shows which answers it moves.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

CELLS = 5_000
SMALL = "Llama-3.1-8B-Instruct"
LARGE = "Llama-3.3-70B-Instruct"
MOE = "Qwen3-30B-A3B"

QUESTIONS: tuple[tuple[str, ...], ...] = (
    ("recommend", SMALL, "-w", "chat", "--rate", "8", "--gpu", "A6000,L40S,H100", "--min-recovery", "0.97"),
    ("recommend", SMALL, "-w", "rag", "--gpu", "A6000,L40S,H100"),
    ("recommend", SMALL, "-w", "summarization"),
    ("recommend", SMALL, "-w", "code-completion", "--gpu", "A6000", "--scenario", "synchronous"),
    ("recommend", SMALL, "-w", "code-completion", "--gpu", "A6000", "--scenario", "asynchronous"),
    ("recommend", SMALL, "-w", "docstring", "--gpu", "A6000", "--single", "--slo", "e2e_mean_ms=100"),
    ("recommend", LARGE, "-w", "rag", "--gpu", "A100,H100,L40S,H200"),
    ("recommend", LARGE, "-w", "rag", "--gpu", "A100,H100,L40S", "--rate", "20", "--slo", "none"),
    ("recommend", LARGE, "-w", "reasoning", "--gpu", "H100,MI300X", "--concurrency", "64"),
    ("recommend", LARGE, "-w", "chat", "--gpu", "H100", "--kv-cache-dtype", "any",
     "--objective", "throughput"),
    ("recommend", "--params", "13B", "-w", "summarization", "--gpu", "L4"),
    ("recommend", "--params", "70B", "-w", "agents", "--gpu", "A100,H100", "--max-gpus", "8"),
    ("recommend", MOE, "-w", "chat", "--gpu", "RTX4090,L40S", "--min-recovery", "0.98"),
    ("recommend", MOE, "-w", "reasoning", "--gpu", "H100,B200", "--concurrency", "32"),
    ("recommend", "gpt-oss-120b", "-w", "chat", "--gpu", "H100,B200"),
    ("recommend", "DeepSeek-R1", "-w", "chat", "--gpu", "H200,B200", "--max-gpus", "16"),
    ("recommend", "Qwen2.5-VL-7B-Instruct", "-w", "chat", "--gpu", "L40S", "--rate", "2"),
    ("recommend", "Qwen3-8B", "-w", "code-fixing", "--gpu", "A10,L4,T4", "--objective", "latency"),
    ("recommend", "Qwen2.5-14B-Instruct", "-w", "batch", "--gpu", "A100,H100,L40S"),
    ("recommend", "phi-4", "-w", "chat-strict", "--gpu", "L40S,A100", "--objective", "accuracy"),
    ("recommend", "Mistral-7B-Instruct-v0.3", "-w", "instruction-following", "--gpu", "RTX3090,RTX4090",
     "--price", "RTX3090=0.2", "--price", "RTX4090=0.4"),
    ("predict", SMALL, "--gpu", "A100", "--format", "int8", "-w", "rag", "--concurrency", "16"),
    ("predict", SMALL, "--gpu", "H100", "--format", "fp8", "-w", "chat", "--rate", "20", "--replicas", "2"),
    ("predict", SMALL, "--gpu", "L40S", "--format", "int4", "-w", "chat", "--single"),
    ("predict", LARGE, "--gpu", "H100", "--format", "fp8", "--tp", "4", "-w", "rag", "--concurrency", "32"),
    ("predict", LARGE, "--gpu", "MI300X", "--format", "bf16", "-w", "batch"),
    ("predict", MOE, "--gpu", "H100", "--format", "bf16", "-w", "chat", "--concurrency", "64"),
    ("predict", "gpt-oss-120b", "--gpu", "A100", "--format", "mxfp4", "--tp", "2", "--single", "-w", "chat"),
    ("predict", "DeepSeek-R1", "--gpu", "H200", "--format", "fp8", "--tp", "8", "-w", "chat",
     "--concurrency", "16"),
    ("predict", SMALL, "--gpu", "A6000", "--format", "int4", "-w", "docstring", "--engine", "vllm 0.7.2"),
    ("predict", "Qwen3-8B", "--gpu", "B200", "--format", "nvfp4", "-w", "chat", "--rate", "30"),
    ("predict", "gemma-3-27b-it", "--gpu", "H100", "--format", "bf16", "-w", "chat", "--concurrency", "8"),
    ("crossover", SMALL, "-w", "chat", "--gpu", "A6000", "--over", "concurrency"),
    ("crossover", SMALL, "-w", "rag", "--gpu", "A100,L40S", "--over", "input-tokens", "--from", "256",
     "--to", "4096"),
    ("crossover", LARGE, "-w", "chat", "--gpu", "H100", "--over", "rate"),
    ("compare", "bf16@A6000", "int8+fp8kv@2xL40S*2", "--model", SMALL, "-w", "chat"),
    ("compare", "fp8@H100", "int4@H100", "--model", SMALL, "-w", "chat"),
    ("compare", "fp8@4xH100", "fp8@2xH200", "--model", LARGE, "-w", "rag"),
    ("measure-next", MOE, "-w", "summarization", "--gpu", "MI300X,H100,GH200"),
    ("measure-next", SMALL, "-w", "chat-strict", "--gpu", "A6000,L40S", "--slo", "ttft_p99_ms=150"),
)  # fmt: skip

CELL_COLUMNS = (
    "model",
    "gpu",
    "num_gpus",
    "format",
    "input_tokens",
    "output_tokens",
    "concurrency",
    "engine",
)
CELL_MODELS = (SMALL, LARGE, MOE, "Qwen2.5-7B-Instruct", "gpt-oss-120b", "gemma-3-27b-it")
CELL_GPUS = ("A6000", "A100", "H100", "L40S", "B200", "MI300X")
CELL_FORMATS = ("bf16", "int8", "int4", "fp8", "nvfp4")
CELL_LOADS = ("1", "8", "64", "256", "max")
CELL_ENGINES = ("", "vllm 0.7.2", "vllm 0.11.0")
CELL_LENGTHS = (
    (128, 64), (256, 512), (512, 256), (1024, 128), (1024, 1024), (2048, 256), (4096, 1024), (8192, 512),
)  # fmt: skip


def answer(arguments: Sequence[str]) -> str:
    """Exit code and both streams of one run of the command, in this process."""
    from advisor.__main__ import run

    out, err = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = ["quantadvise", *arguments]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            end = f"exit code {run()}"
    except Exception as error:  # a crash is what this question gets today, and is recorded as such
        end = f"{type(error).__name__}: {error}"
    finally:
        sys.argv = before
    return f"{out.getvalue()}\n{end}\n{err.getvalue()}"


def write_cells(path: Path) -> None:
    """5,000 of all combinations of the columns above, evenly spaced."""
    combinations = list(
        itertools.product(
            CELL_MODELS, CELL_GPUS, (1, 2, 4), CELL_FORMATS, CELL_LENGTHS, CELL_LOADS, CELL_ENGINES
        )
    )
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(CELL_COLUMNS)
        for i in range(CELLS):
            model, gpu, gpus, fmt, lengths, load, engine = combinations[i * len(combinations) // CELLS]
            writer.writerow((model, gpu, gpus, fmt, *lengths, load, engine))


def record(folder: Path, *, with_fit: bool) -> None:
    """Write one file a question, the cells' answers and, on request, the word of `fit --dry-run`."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, question in enumerate(QUESTIONS):
        (folder / f"{i:02d}_{question[0]}.txt").write_text(
            " ".join(question) + "\n" + answer([*question, "--output", "json"]), encoding="utf-8"
        )
    cells = folder / "cells.csv"
    write_cells(cells)
    (folder / "cells_answered.csv").write_text(
        answer(["predict", "--cells", str(cells), "--output", "csv"]).replace(str(cells), cells.name),
        encoding="utf-8",
    )
    if with_fit:
        (folder / "fit.txt").write_text(answer(["fit", "--dry-run"]), encoding="utf-8")


def compare(before: Path, after: Path) -> int:
    """Print which recorded files differ; returns how many."""
    names = sorted({path.name for folder in (before, after) for path in folder.iterdir()})
    different = []
    for name in names:
        old, new = before / name, after / name
        if name == "fit.txt" and not (old.exists() and new.exists()):
            continue
        if not (old.exists() and new.exists() and old.read_bytes() == new.read_bytes()):
            different.append(name)
    print(f"{len(names) - len(different)} of {len(names)} recorded files are the same")
    for name in different:
        print(f"  differs: {name}")
    return len(different)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record")
    recording.add_argument("folder", type=Path)
    recording.add_argument("--fit", action="store_true")
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    given = parser.parse_args()
    if given.command == "record":
        record(given.folder, with_fit=given.fit)
    else:
        sys.exit(1 if compare(given.before, given.after) else 0)


if __name__ == "__main__":
    main()
