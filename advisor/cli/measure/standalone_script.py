"""The script of one deployment for a machine without quantadvise: checkpoint, server, tasks, benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.report.commands.bash_scripts import Expanded, comment, joined, quoted, script, wrapped
from advisor.spec.formats.recipes import UNQUANTIZED

if TYPE_CHECKING:
    from advisor.measure.execution.jobs import QuantizeJob
    from advisor.measure.execution.session_job import SessionJob
    from advisor.measure.steps.bench import Point
    from advisor.spec.workloads.workload import Load

MODEL, SERVED, URL = Expanded('"$MODEL"'), Expanded('"$served"'), Expanded('"$URL"')
VLLM, QUANTIZE, LM_EVAL = (Expanded(f'"${name}_PYTHON"') for name in ("VLLM", "QUANTIZE", "LM_EVAL"))
RESULTS = Path("results")
QUANTIZE_WORKER, PROMPTS_WORKER = "workers/quantize_worker.py", "workers/prompts_worker.py"
GATE_WORKER = "workers/gate_worker.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    """One task of one deployment, and the folder of its results."""

    task: str
    folder: Path


def name_of(job: SessionJob) -> str:
    """`int4-tp2`: of a session's script and of the folder of its results."""
    return f"{job.target.format}-tp{job.target.serving.tensor_parallel}"


def point_name(point: Point, repeat: int) -> str:
    """`concurrency-8-1`, `rate-0.5-2`, `maximum-1`: of a result's file; repeats count from 1."""
    level = "" if point.value is None else f"-{point.value:g}"
    return f"{point.kind}{level}-{repeat + 1}"


def prompts_name(prompts: str) -> str:
    return f"prompts{Path(prompts).suffix}"


def word(text: str) -> str:
    return quoted([text])[0]


def checkpoint(format: str) -> str:
    return f"checkpoints/{format}"


def session_script(job: SessionJob, made_by: QuantizeJob | None) -> str:
    """The checkpoint, the server, the tasks and the benchmarks of one deployment."""
    from advisor.measure.steps import plan_steps, vllm_server
    from advisor.measure.tools.envs import FoundTool, find_tool_row

    results = RESULTS / name_of(job)
    python = FoundTool(tool=find_tool_row("vllm"), python=Path("python"), version="", where="")
    revision = job.target.serving.revision if made_by is None else None
    serving = replace(job.target.serving, model=SERVED, revision=revision)
    served_name = f"quantadvise-{plan_steps.serve_step(job.target).key}"
    _, *serve = vllm_server.command(python, serving, port=0, served_name=served_name)
    serve[serve.index("--port") + 1] = Expanded('"$PORT"')
    scored = [
        _Scored(task=task, folder=results / f"lm_eval-{at}") for at, task in enumerate(job.tasks, start=1)
    ]
    done = [f'compgen -G "{one.folder}/*/results_*.json" >/dev/null' for one in scored]
    done += [f"[ -e {path} ]" for path in _results(job)]
    lines = [
        comment(f"{job.target.model} in {job.target.format} on {job.gpus}x {job.target.gpu}"),
        "source ./common.bash",
        f"if {' && '.join(done)}; then echo {word(f'{name_of(job)}: has all results')}; exit 0; fi",
        f"mkdir -p {results}",
        *_gate_lines(job),
        *_served_lines(job, made_by),
        f"start_server {results}/serve.log {wrapped(quoted([VLLM, *serve]))}",
    ]
    for one in scored:
        lines += _score_lines(job, one, served_name)
    lines += _gate_lines(job) if scored else []
    for point in job.plan.points if job.benches else ():
        for repeat in range(job.plan.repeats):
            lines += _bench_lines(job, point, repeat, served_name)
    return script(*lines)


def _results(job: SessionJob) -> list[Path]:
    folder = RESULTS / name_of(job)
    points = job.plan.points if job.benches else ()
    return [folder / f"{point_name(p, n)}.json" for p in points for n in range(job.plan.repeats)]


def gates(job: SessionJob) -> bool:
    """Whether a broken checkpoint is not benchmarked: where there are scores, and 16-bit ones beside them."""
    plan = job.plan
    has_base = any(format in UNQUANTIZED for format in plan.formats)
    return plan.quality_gate and bool(plan.tasks) and has_base and job.target.format not in UNQUANTIZED


def _gate_lines(job: SessionJob) -> list[str]:
    """The end of the script where the scores that are there show a broken checkpoint."""
    return [f"gate {job.target.format} || exit 4"] if gates(job) else []


def _served_lines(job: SessionJob, made_by: QuantizeJob | None) -> list[str]:
    """Lines that set `served`, the checkpoint that is served."""
    given = dict(job.plan.checkpoints).get(job.target.format)
    if made_by is None:
        return ['served="$MODEL"' if given is None else f"served={word(job.target.serving.model)}"]
    spec, folder = f"quantize/{made_by.format}.json", checkpoint(made_by.format)
    worker = quoted([QUANTIZE, QUANTIZE_WORKER, spec, MODEL])
    return [
        f'served="$PWD/{folder}"',
        'if [ ! -d "$served" ]; then',
        '  rm -rf "$served.partial" && mkdir -p "$served.partial"',
        f"  {' '.join(worker)}",
        '  mv "$served.partial" "$served"',
        "fi",
    ]


def _score_lines(job: SessionJob, scored: _Scored, served_name: str) -> list[str]:
    """lm-eval's own command for a task, as the run's worker calls it."""
    from advisor.measure.steps import lm_eval_scores

    plan, serving = job.plan, job.target.serving
    on_server = plan.evaluate_with == "server"
    if on_server:
        arguments = lm_eval_scores.server_arguments("", served_name, SERVED, job.target.max_context)
        arguments["base_url"] = joined(URL, "/v1/completions")
    else:
        arguments = lm_eval_scores.hf_arguments(SERVED, serving.revision)
    own = plan.task_folder is not None
    output = Expanded(f'"$PWD/{scored.folder}"')
    words = [
        *(LM_EVAL, "-m", "lm_eval", "run"),
        *("--model", "local-completions" if on_server else "hf"),
        *("--model_args", *(joined(f"{name}=", _text(value)) for name, value in arguments.items())),
        *("--tasks", scored.task, "--batch_size", "1" if on_server else "8", "--seed", str(plan.seed)),
        *(("--num_fewshot", str(plan.fewshot)) if plan.fewshot is not None else ()),
        *(("--limit", str(plan.limit)) if plan.limit is not None else ()),
        *(("--apply_chat_template",) if plan.chat_template else ()),
        *(("--include_path", ".") if own else ()),
        *("--output_path", Expanded('"$output"')),
    ]
    command = wrapped(quoted(words))
    return [
        comment(f"lm-eval task {scored.task}"),
        f"output={output}",
        'if ! compgen -G "$output/*/results_*.json" >/dev/null; then',
        f"  (cd tasks && {command})" if own else f"  {command}",
        "fi",
    ]


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def _bench_lines(job: SessionJob, point: Point, repeat: int, served_name: str) -> list[str]:
    """`vllm bench serve` for one repeat, with the facts that `quantadvise import` needs in its result."""
    from advisor.measure.execution import bench_step
    from advisor.measure.steps import plan_steps, prompts, repeats_agree
    from advisor.measure.steps.vllm_server import Endpoint
    from advisor.measure.tools.envs import FoundTool, find_tool_row

    plan, load = job.plan, job.workload.load
    final = RESULTS / name_of(job) / f"{point_name(point, repeat)}.json"
    partial = final.with_suffix(".json.partial")
    goodput = repeats_agree.goodput_arguments(job.workload.goodput)
    step = plan_steps.bench_step(plan, job.workload, job.target, point, repeat, goodput)
    drawn = Path(_drawn_name(point, repeat)) if prompts.needed(plan, load) else None
    local = plan if plan.prompts is None else replace(plan, prompts=prompts_name(plan.prompts))
    served = replace(job.target.serving, model=SERVED)
    at_home = replace(job, plan=local, target=replace(job.target, serving=served))
    _, *argv = bench_step.command(
        at_home,
        FoundTool(tool=find_tool_row("vllm"), python=Path("python"), version="", where=""),
        Endpoint(url=URL, served_name=served_name, version=None),
        point,
        seed=int(step.inputs["seed"]),
        drawn=drawn,
        result=partial,
    )
    words = [VLLM, *argv, "--metadata", *_metadata(job)]
    lines = [f"if [ ! -e {final} ]; then"]
    if drawn is not None:
        worker = [VLLM, PROMPTS_WORKER, f"{drawn.with_suffix('.lengths.json')}", str(drawn)]
        lines.append(f"  {' '.join(quoted([*worker, SERVED]))}")
    return [*lines, f"  {wrapped(quoted(words))}", f"  mv {partial} {final}", "fi"]


def _drawn_name(point: Point, repeat: int) -> str:
    return f"prompts/{point_name(point, repeat)}.jsonl"


def drawn_lengths(job: SessionJob) -> Iterator[tuple[str, object]]:
    """The lengths of each repeat's requests, where they vary; the same for every format."""
    from advisor.measure.steps import plan_steps, prompts, repeats_agree

    load: Load = job.workload.load
    if not prompts.needed(job.plan, load):
        return
    for point in job.plan.points:
        for repeat in range(job.plan.repeats):
            goodput = repeats_agree.goodput_arguments(job.workload.goodput)
            step = plan_steps.bench_step(job.plan, job.workload, job.target, point, repeat, goodput)
            row = prompts.spec(job.target.serving, load, step.inputs)
            yield f"{_drawn_name(point, repeat).removesuffix('.jsonl')}.lengths.json", row


def _metadata(job: SessionJob) -> list[str]:
    """Facts as `vllm bench serve --metadata` takes them and `quantadvise import` reads them."""
    target = job.target
    facts = {
        "format": target.format,
        "kv_cache_dtype": target.kv_format,
        "num_gpus": str(target.serving.tensor_parallel),
    }
    return [*(f"{key}={value}" for key, value in facts.items()), Expanded('engine_version="$version"')]
