"""`--write-commands`: a plan as scripts for a machine without quantadvise, and how its results come back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from advisor import atomic_files
from advisor.cli.measure.standalone_script import (
    GATE_WORKER,
    PROMPTS_WORKER,
    QUANTIZE_WORKER,
    RESULTS,
    checkpoint,
    drawn_lengths,
    gates,
    name_of,
    prompts_name,
    session_script,
    word,
)
from advisor.errors import InputError
from advisor.measure.tools.machine import CPU
from advisor.report.commands.bash_scripts import Expanded, comment, quoted, script
from advisor.spec.formats.recipes import UNQUANTIZED

if TYPE_CHECKING:
    from advisor.cli.measure.expected_vs_measured import Expectation
    from advisor.measure.execution.session_job import SessionJob
    from advisor.measure.plan_to_jobs import Prepared

_LIBRARY = """\
if [ -d "$MODEL" ]; then MODEL="$(cd -- "$MODEL" && pwd)"; fi
# Interpreters that have the tools; one environment may hold all of them.
VLLM_PYTHON="${VLLM_PYTHON:-python3}"
QUANTIZE_PYTHON="${QUANTIZE_PYTHON:-python3}"
LM_EVAL_PYTHON="${LM_EVAL_PYTHON:-python3}"
PORT="${PORT:-8000}"
URL="http://127.0.0.1:$PORT"
START_LIMIT_S="${START_LIMIT_S:-1800}"
server=""

stop_server() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=""
  fi
}
trap stop_server EXIT

start_server() {  # LOG COMMAND...: start, wait until it answers, ask for its version
  local log="$1" waited=0
  shift
  if curl -fsS --max-time 5 "$URL/health" >/dev/null 2>&1; then
    echo "port $PORT: a server answers there already; set PORT" >&2
    return 1
  fi
  "$@" >"$log" 2>&1 &
  server=$!
  until curl -fsS --max-time 5 "$URL/health" >/dev/null 2>&1; do
    if ! kill -0 "$server" 2>/dev/null || [ "$waited" -ge "$START_LIMIT_S" ]; then
      echo "vLLM does not answer; its last words in $log:" >&2
      tail -n 3 -- "$log" >&2
      return 1
    fi
    sleep 1
    waited=$((waited + 1))
  done
  version="$(curl -fsS "$URL/version" | sed 's/.*"version": *"\\([^"]*\\)".*/\\1/')"
}"""

_GATE = """\

gate() {{  # FORMAT: whether its scores allow benchmarks; QUALITY_GATE=no lets all of them
  local why code=0
  if [ "${{QUALITY_GATE:-yes}}" = no ]; then return 0; fi
  why="$("$LM_EVAL_PYTHON" {worker} {results} "$1" {base})" || code=$?
  if [ "$code" = 4 ]; then
    echo "$1: broken by its scores: $why; no benchmarks (QUALITY_GATE=no makes them all the same)" >&2
  elif [ "$code" != 0 ]; then
    echo "$1: {worker} ended with $code" >&2
  fi
  return "$code"
}}"""

_README = """\
# {title}

Written by `quantadvise measure --write-commands`: what a run would do, as scripts that need no quantadvise.
They need bash, curl and the tools: vLLM {vllm}, and where the plan makes checkpoints or scores tasks
llm-compressor and lm-eval.

1. Copy this folder to the machine with the GPUs.
2. Run `VLLM_PYTHON=… QUANTIZE_PYTHON=… LM_EVAL_PYTHON=… ./run.sh`; the variables name interpreters that have
   the tools (`python3` by default). `MODEL` names the model where it stands elsewhere, `PORT` another port
   than 8000. After an interruption run it again: what has a result is not done again.
3. Bring `results/` back into this folder and run `./import.sh` where quantadvise is. It fills `records/` and
   prints the recommendation that rests on them.

{notes}"""


def write_commands(prepared: Prepared, expected: Expectation, folder: Path) -> list[Path]:
    """Write the scripts into `folder`, `run.sh` first. Raises InputError where a file would be replaced."""
    if prepared.running is not None:
        raise InputError(
            "--write-commands: a server given by --endpoint is measured by quantadvise itself; drop one of "
            "the two"
        )
    plan = prepared.plan
    if plan.slo_search and not plan.points and not plan.tasks:
        raise InputError(
            "--write-commands: --slo-search chooses each load from earlier results, a script cannot; add "
            "--rates"
        )
    if plan.tasks and "," in prepared.model.path:
        raise InputError(f"{prepared.model.path}: lm-eval takes no name with a comma; rename the folder")
    made = dict(_files(prepared, expected, folder))
    taken = [name for name in made if (folder / name).exists()]
    if taken:
        raise InputError(f"{folder / taken[0]}: exists already; name another folder")
    for name, content in made.items():
        atomic_files.write_output(folder / name, content, executable=name.endswith(".sh"))
    return [folder / name for name in made]


def _files(prepared: Prepared, expected: Expectation, folder: Path) -> Iterator[tuple[str, str | bytes]]:
    """Every file by its name; calibration rows are drawn into the folder."""
    from advisor.measure.execution.jobs import QuantizeJob
    from advisor.measure.execution.session_job import SessionJob
    from advisor.measure.steps import prompts, quality_gate, quantize

    sessions = [job for job in prepared.jobs if isinstance(job, SessionJob)]
    quantized = {job.step.key: job for job in prepared.jobs if isinstance(job, QuantizeJob)}
    yield "run.sh", _run_script(prepared, sessions)
    yield "README.md", _readme(prepared)
    yield "import.sh", _import_script(prepared, expected, sessions)
    yield "common.bash", _common(prepared)
    for job in sessions:
        made_by = None if job.needs is None else quantized[job.needs]
        yield f"{name_of(job)}.sh", session_script(job, made_by)
        for path, row in drawn_lengths(job):
            yield path, json.dumps(row) + "\n"
    calibration: dict[str, object] | None = None
    for made in quantized.values():
        recipe = made.plan.recipe(made.format)
        if calibration is None and (recipe.needs_data or made.plan.kv_fp8):
            calibration, rows = _calibration(prepared)
            if rows is not None:
                yield "calibration.jsonl", rows
        needs = calibration if recipe.needs_data or made.plan.kv_fp8 else None
        row = quantize.spec(
            made.model.path, made.plan.revision, recipe, needs, Path(f"{checkpoint(made.format)}.partial"),
            kv_fp8=made.plan.kv_fp8, seed=made.plan.seed,
        )  # fmt: skip
        yield f"quantize/{made.format}.json", json.dumps(row, indent=1, sort_keys=True) + "\n"
    if quantized:
        yield QUANTIZE_WORKER, quantize.WORKER.read_text(encoding="utf-8")
    if any(gates(job) for job in sessions):
        yield GATE_WORKER, quality_gate.WORKER.read_text(encoding="utf-8")
    if any(prompts.needed(job.plan, job.workload.load) for job in sessions):
        yield PROMPTS_WORKER, prompts.WORKER.read_text(encoding="utf-8")
    yield from _own_files(prepared)


def _own_files(prepared: Prepared) -> Iterator[tuple[str, bytes]]:
    """The user's own prompts, and the folder of lm-eval tasks."""
    plan = prepared.plan
    if plan.prompts is not None:
        yield prompts_name(plan.prompts), Path(plan.prompts).read_bytes()
    if plan.task_folder is not None:
        root = Path(plan.task_folder)
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            yield f"tasks/{path.relative_to(root)}", path.read_bytes()


def _calibration(prepared: Prepared) -> tuple[dict[str, object], str | None]:
    """The worker's specification of its data, and the rows of a local file."""
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        row = prepared.plan.calibration.prepare(Path(scratch))
        path = row.get("path")
        if path is None:
            return row, None
        return row | {"path": "calibration.jsonl"}, Path(path).read_text(encoding="utf-8")


def _run_script(prepared: Prepared, sessions: list[SessionJob]) -> str:
    lines = [comment(f"{prepared.model_name} on {prepared.devices[0].name}: quantadvise measure by hand.")]
    lines.append("failed=0")
    lines += [f"./{name_of(job)}.sh || failed=1" for job in sessions]
    lines.append('[ "$failed" = 0 ] || echo "some scripts failed: see above, and run this again" >&2')
    return script(*lines, 'exit "$failed"')


def _common(prepared: Prepared) -> str:
    """What the scripts share; sourced by each."""
    environment = "export VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1 TOKENIZERS_PARALLELISM=false\n"
    if all(device.index is None and device.name == CPU for device in prepared.devices):
        # vLLM's CPU build takes a share of all memory unless told how many GiB.
        environment += 'export VLLM_CPU_KVCACHE_SPACE="${VLLM_CPU_KVCACHE_SPACE:-1}"\n'
    model = f'default_model={word(prepared.model.path)}\nMODEL="${{MODEL:-$default_model}}"\n'
    gate = _GATE.format(worker=GATE_WORKER, results=RESULTS, base=" ".join(sorted(UNQUANTIZED)))
    return f"{environment}{model}{_LIBRARY}\n{gate}\n"


def _readme(prepared: Prepared) -> str:
    from advisor.measure.execution.session_job import SessionJob
    from advisor.measure.tools.envs import find_tool_row

    gpus = prepared.devices[0].name
    notes = ["Not in these scripts: repeats beyond the least, the records' clocks and host load."]
    if any(gates(job) for job in prepared.jobs if isinstance(job, SessionJob)):
        notes.append(
            "Tasks are scored first. A format that lost over 10 % of a score (and three standard errors)\n"
            "against 16 bits, or whose perplexity is half again as high, is not benchmarked;\n"
            "`QUALITY_GATE=no ./run.sh` benchmarks it all the same."
        )
    if prepared.plan.slo_search:
        notes.append(
            "`--slo-search` chooses each load by the results before it; only the given loads are run here."
        )
    return _README.format(
        title=f"{prepared.model_name} on {gpus}".replace("`", "'"),
        vllm=(prepared.versions.vllm or find_tool_row("vllm").tested).partition("+")[0],
        notes="\n".join(notes) + "\n",
    )


def _import_script(prepared: Prepared, expected: Expectation, sessions: list[SessionJob]) -> str:
    """`quantadvise import` for what each session left, and the recommendation from it."""
    from advisor.cli.measure.report.advice import recommend_words

    lines = ["shopt -s nullglob", 'quantadvise="${QUANTADVISE:-quantadvise}"']
    model, gpu = prepared.model.path, _anywhere(expected.gpu_name)
    for job in sessions:
        of = ["--model", model, "--format", job.target.format]
        settings = " ".join(job.target.serving.arguments())
        speed = [*of, "--gpu", gpu, "--engine-args", settings, "--out", "records/"]
        scores = [*of, "--algorithm", job.target.algorithm, "--out", "records/"]
        folder = RESULTS / name_of(job)
        lines += _import_lines(f"{folder}/*-[0-9]*.json", speed)
        lines += _import_lines(f"{folder}/lm_eval-*/*/results_*.json", scores)
    words = recommend_words(prepared, expected, tasks=prepared.plan.tasks, records="records")
    for flag in ("--model", "--workload", "--gpu"):
        if flag in words:
            words[words.index(flag) + 1] = _anywhere(words[words.index(flag) + 1])
    return script(*lines, " ".join(quoted([Expanded('"$quantadvise"'), *words[1:]])))


def _anywhere(name: str) -> str:
    """A name as it stands; a path so that it holds in the scripts' own folder, too."""
    return str(Path(name).resolve()) if Path(name).exists() else name


def _import_lines(pattern: str, flags: list[str]) -> list[str]:
    command = " ".join(quoted([Expanded('"$quantadvise"'), "import", Expanded('"${found[@]}"'), *flags]))
    return [f"found=({pattern})", f'[ "${{#found[@]}}" = 0 ] || {command}']
