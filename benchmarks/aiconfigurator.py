"""Compares predictions with those of NVIDIA's AIConfigurator, on measurements that neither of the two has.

    python -m benchmarks.aiconfigurator [--python PYTHON] [--errors HELD.npz] [--answers FILE.json]
        [--keep FILE.csv]

AIConfigurator (since 0.13 AISimulate, by the same people) adds up timed kernels. It is asked for every closed
loop on vLLM V1 in the records that is not from its own package (InferenceX, aiconfigurator), on the GPUs and
models that it knows without a network. Ours are predictions with the row's source left out. Printed are
medians and means of |predicted ÷ measured - 1|, and the median of predicted ÷ measured, by quantity and by
source, on the same rows.

It runs in an environment of its own: `--python` names the interpreter of one; without, one is made in a
temporary folder. Where it cannot be installed, one line says so and nothing is compared. Takes a minute, and
one or two more where `--errors`, which is that of `benchmarks.bars`, does not name a file that exists.
`--keep docs/data/aiconfigurator.csv` writes the summary, which ACCURACY.md then shows.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import venv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from advisor.cost.array_table import Bools, Floats
from advisor.cost.evaluation.held_out_errors import HeldOut
from advisor.cost.fitting.row_statistic import quantity
from advisor.spec.engines.engine import defaults
from benchmarks.replay_decisions import held_out

PACKAGE = "aiconfigurator==0.12.0"
ITS_OWN = frozenset({"InferenceX", "aiconfigurator"})
"""Families of sources that its package redistributes."""
SYSTEMS = {"H100-SXM": "h100_sxm", "H200": "h200_sxm", "B200": "b200_sxm", "A100-SXM-80GB": "a100_sxm"}
MODELS = {
    "Llama-3.1-8B-Instruct": "meta-llama/Meta-Llama-3.1-8B",
    "Llama-3.1-70B-Instruct": "meta-llama/Meta-Llama-3.1-70B",
    "Llama-3.3-70B-Instruct": "meta-llama/Meta-Llama-3.1-70B",
    "Llama-3.1-405B-Instruct": "meta-llama/Meta-Llama-3.1-405B",
    "Qwen3-8B": "Qwen/Qwen3-8B",
    "Qwen3-32B": "Qwen/Qwen3-32B",
    "Qwen3-30B-A3B-Instruct-2507": "Qwen/Qwen3-30B-A3B",
    "Qwen3-30B-A3B-Thinking-2507": "Qwen/Qwen3-30B-A3B",
    "Qwen3-235B-A22B-Instruct-2507": "Qwen/Qwen3-235B-A22B",
    "Qwen3-235B-A22B-Thinking-2507": "Qwen/Qwen3-235B-A22B",
    "gpt-oss-20b": "openai/gpt-oss-20b",
    "gpt-oss-120b": "openai/gpt-oss-120b",
    "DeepSeek-V3.1": "deepseek-ai/DeepSeek-V3",
    "DeepSeek-R1-0528": "deepseek-ai/DeepSeek-V3",
}
"""Models of the records → the configuration of the same shape that comes with it."""
MODES = {"bf16": {"gemm_quant_mode": "bfloat16", "moe_quant_mode": "bfloat16"}, "fp8": {}, "mxfp4": {}}
"""How it is told a format; nothing: as the checkpoint is, or (FP8 of a 16-bit one) `FP8_MODES`."""
FP8_MODES = {"gemm_quant_mode": "fp8", "moe_quant_mode": "fp8"}
FP8_AS_RELEASED = frozenset({"DeepSeek-V3.1", "DeepSeek-R1-0528"})
FEWEST = 4
WIDTHS = (24, 12, 7, 20, 7, 20, 7)

# Reads cells as JSON, one list; writes a list of [ttft_ms, tpot_ms] or null. Run by the other interpreter.
ASK = """
import functools, json, logging, sys, warnings
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
out, sys.stdout = sys.stdout, sys.stderr
from aiconfigurator.cli.api import cli_estimate
from aiconfigurator_core.sdk.perf_database import get_latest_database_version
# Without a version each call parses some 500 YAML files to find the newest: several seconds of pure Python.
newest = functools.cache(lambda system: get_latest_database_version(system, "vllm"))
found = []
for cell in json.load(sys.stdin):
    model, system = cell.pop("model"), cell.pop("system")
    try:
        said = cli_estimate(model, system, backend_name="vllm", backend_version=newest(system), **cell)
        found.append([said.ttft, said.tpot])
    except Exception as error:
        found.append(f"{type(error).__name__}: {str(error)[:90]}")
json.dump(found, out)
"""


@dataclass(frozen=True)
class Compared:
    """Rows that both predict: log(measured ÷ predicted) of each."""

    quantities: tuple[str, ...]
    sources: tuple[str, ...]
    theirs: Floats
    ours: Floats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--python", type=Path, help="interpreter of an environment that has it")
    parser.add_argument("--errors", type=Path, help="held-out errors, as of benchmarks.bars")
    parser.add_argument("--answers", type=Path, help="keep its answers in this file, or take them")
    parser.add_argument("--keep", type=Path, help="write the summary to this file")
    given = parser.parse_args()
    if given.python is not None and not given.python.is_file():
        parser.error(
            f"--python: {given.python} is no interpreter; name one that has {PACKAGE}, or leave it out"
        )
    with tempfile.TemporaryDirectory() as folder:
        python = given.python or installed(Path(folder))
        if python is None:
            print(f"skipped: {PACKAGE} does not install here")
            return
        held = held_out(given.errors)
        found = compared(held, python, given.answers)
    lines = summary(found)
    for line in lines:
        print("".join(f"{value:>{width}}" for value, width in zip(line, WIDTHS, strict=True)))
    if given.keep is not None:
        with given.keep.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(lines)


def installed(folder: Path) -> Path | None:
    """The interpreter of a new environment with the package; None where it does not install."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", PACKAGE], capture_output=True)
    return python if done.returncode == 0 else None


def answers(cells: Sequence[str], python: Path, kept: Path | None) -> list[list[float] | str]:
    """[TTFT, TPOT] in ms of each cell, or why there is none; those in the file `kept` are not asked again."""
    known = json.loads(kept.read_text(encoding="utf-8")) if kept is not None and kept.exists() else {}
    new = [cell for cell in cells if cell not in known]
    if new:
        asked = json.dumps([json.loads(cell) for cell in new])
        done = subprocess.run([python, "-c", ASK], input=asked, stdout=subprocess.PIPE, text=True, check=True)
        known |= dict(zip(new, json.loads(done.stdout), strict=True))
        if kept is not None:
            kept.write_text(json.dumps(known, indent=0), encoding="utf-8")
    return [known[cell] for cell in cells]


def compared(held: HeldOut, python: Path, kept: Path | None) -> Compared:
    """Both predictions of every row that it can be asked for."""
    of_row = [_cell(held, i) for i in range(len(held.seen.rows))]
    asked = list(dict.fromkeys(cell for cell in of_row if cell is not None))
    said = dict(zip(asked, answers(asked, python, kept), strict=True))
    refused = Counter(one for one in said.values() if isinstance(one, str))
    for why, cells in sorted(refused.items()):
        print(f"{cells} cells not answered: {why}", file=sys.stderr)
    kinds = quantity(held.seen)
    at, theirs = [], []
    for i, cell in enumerate(of_row):
        answer = None if cell is None else said[cell]
        if isinstance(answer, list) and np.isfinite(held.source[i]):
            at.append(i)
            theirs.append(float(held.seen.log_value[i]) - np.log(_figure(held, i, *answer)))
    return Compared(
        quantities=tuple(kinds[i] for i in at),
        sources=tuple(held.sources[i] for i in at),
        theirs=np.array(theirs),
        ours=held.source[at],
    )


def _cell(held: HeldOut, i: int) -> str | None:
    """What it is asked for one row, as JSON; None: it cannot be."""
    row = held.seen.rows[i]
    clients = row.load_value if row.load == "concurrency" else 1.0 if row.load == "single" else None
    known = row.gpu in SYSTEMS and row.model in MODELS and row.format in MODES and row.kv_format == "16bit"
    mean = row.statistic in ("mean", "p50") and row.metric != "itl_ms"
    if clients is None or not known or not mean or held.generations[i] != "v1":
        return None
    if held.sources[i] in ITS_OWN or not row.input_tokens or row.output_tokens < 2:
        return None
    d = held.deployments[i]
    if clients > defaults(d.engine, d.gpu).max_num_seqs:
        return None  # a queue before the batch is nothing that it knows
    modes = FP8_MODES if row.format == "fp8" and row.model not in FP8_AS_RELEASED else MODES[row.format]
    cell: dict[str, object] = {
        "model": MODELS[row.model],
        "system": SYSTEMS[row.gpu],
        "tp_size": row.num_gpus,
        "batch_size": max(1, round(clients)),
        "isl": round(row.input_tokens),
        "osl": round(row.output_tokens),
        **{name: mode for name, mode in modes.items() if held.moe[i] or not name.startswith("moe")},
    }
    if held.moe[i]:
        cell["moe_tp_size"] = row.num_gpus
    return json.dumps(cell, sort_keys=True)


def _figure(held: HeldOut, i: int, ttft_ms: float, tpot_ms: float) -> float:
    """What its answer says of a row, in the row's unit."""
    row = held.seen.rows[i]
    clients = row.load_value if row.load == "concurrency" and row.load_value else 1.0
    e2e_ms = ttft_ms + (row.output_tokens - 1.0) * tpot_ms
    per_s = 1000.0 * clients / e2e_ms
    return {
        "ttft_ms": ttft_ms,
        "tpot_ms": tpot_ms,
        "e2e_ms": e2e_ms,
        "requests_per_s": per_s,
        "output_tokens_per_s": per_s * row.output_tokens,
        "total_tokens_per_s": per_s * (row.input_tokens + row.output_tokens),
    }[row.metric]


def summary(found: Compared) -> list[list[str]]:
    """A line for each quantity of all sources, then of each source; the first names the columns."""
    lines = [["sources", "quantity", "rows", "ours, source out", "÷", "AIConfigurator", "÷"]]
    kinds, sources = np.array(found.quantities), np.array(found.sources)
    for source in ("all", *sorted(set(found.sources))):
        for kind in ("tpot", "ttft", "e2e", "throughput"):
            rows = (kinds == kind) & ((sources == source) | (source == "all"))
            if rows.sum() >= FEWEST:
                ours, theirs = (_shown(errors, rows) for errors in (found.ours, found.theirs))
                lines.append([source, kind, str(int(rows.sum())), *ours, *theirs])
    return lines


def _shown(errors: Floats, rows: Bools) -> Sequence[str]:
    """Median and mean error, and the median of predicted ÷ measured."""
    off = np.abs(np.expm1(-errors[rows]))
    return f"{np.median(off):.1%} / {off.mean():.1%}", f"{np.exp(-np.median(errors[rows])):.2f}"


if __name__ == "__main__":
    main()
