"""The exact commands of a plan, as they will be run, for the dry run and the run's folder."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from advisor.measure.execution import bench_step
from advisor.measure.execution.jobs import Job, QuantizeJob
from advisor.measure.execution.session_job import SessionJob, located
from advisor.measure.steps import lm_eval_scores, plan_steps, prompts, quantize, repeats_agree, vllm_server
from advisor.measure.steps.vllm_server import Endpoint
from advisor.measure.tools import envs
from advisor.measure.tools.envs import FoundTool

PORT = 8000
"""Stands for the free port that is found when the server starts."""


def _tool(name: str) -> FoundTool:
    row = envs.find_tool_row(name)
    found = envs.find(name)
    return found or FoundTool(tool=row, python=Path("python"), version="?", where="not installed")


def of_job(job: Job, folder: Path) -> Iterator[str]:
    """One command a line."""
    if isinstance(job, QuantizeJob):
        spec = folder / "work" / job.step.key / "spec.json"
        yield shlex.join(quantize.command(_tool("quantize"), spec))
        return
    yield from _of_session(job, folder)


def _of_session(job: SessionJob, folder: Path) -> Iterator[str]:
    vllm, plan = _tool("vllm"), job.plan
    if job.needs is not None:
        job = located(job, str(folder / "checkpoints" / job.needs))
    running = job.target.running
    if running is not None:  # nobody here starts it
        endpoint = Endpoint(url=running.url, served_name=running.served_name, version=running.version)
    else:
        name = f"quantadvise-{plan_steps.serve_step(job.target).key}"
        yield shlex.join(vllm_server.command(vllm, job.target.serving, port=PORT, served_name=name))
        endpoint = Endpoint(url=f"http://{vllm_server.HOST}:{PORT}", served_name=name, version=None)
    for point in plan.points if job.benches else ():
        step = plan_steps.bench_step(
            plan, job.workload, job.target, point, 0, repeats_agree.goodput_arguments(job.workload.goodput)
        )
        work = folder / "work" / step.key
        drawn = work / "prompts.jsonl" if prompts.needed(plan, job.workload.load) else None
        seed, result = int(step.inputs["seed"]), work / "result.json"
        argv = bench_step.command(job, vllm, endpoint, point, seed=seed, drawn=drawn, result=result)
        yield shlex.join(argv)
    for task in job.tasks:
        key = plan_steps.evaluate_step(plan, job.target, task, job.evaluate_version, job.task_file).key
        work = folder / "work" / key
        argv = lm_eval_scores.command(_tool("evaluate"), work / "spec.json", work / "result.json")
        yield f"{shlex.join(argv)}  # lm-eval task {task}"
