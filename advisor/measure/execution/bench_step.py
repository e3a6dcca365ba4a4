"""One benchmark of a session: its prompts, its command, its result."""

from __future__ import annotations

from pathlib import Path

from advisor.measure.execution.session_job import SessionJob
from advisor.measure.state.job_site import Site
from advisor.measure.state.ledger import Failure, Step
from advisor.measure.steps import bench, plan_steps, prompts, repeats_agree
from advisor.measure.steps.bench import BenchResult, Point
from advisor.measure.steps.vllm_server import Endpoint
from advisor.measure.tools.envs import FoundTool
from advisor.spec.metrics import percentile_of


def measured(
    job: SessionJob, site: Site, endpoint: Endpoint, step: Step, point: Point
) -> BenchResult | Failure:
    """Run `vllm bench serve` for a step. Raises ToolError, DataError."""
    work = site.work(step.key)
    vllm = site.tool("vllm")
    seed = int(step.inputs["seed"])
    drawn = None
    if prompts.needed(job.plan, job.workload.load):
        drawn = prompts.draw(vllm, job.target.serving, job.workload.load, step.inputs, work, site.env())
    argv = command(job, vllm, endpoint, point, seed=seed, drawn=drawn, result=work / "result.json")
    return bench.measure(
        argv,
        work / "result.json",
        log=work / "bench.log",
        env=site.env(),
        limit_s=job.plan.bench_limit_s,
    )


def command(
    job: SessionJob,
    vllm: FoundTool,
    endpoint: Endpoint,
    point: Point,
    *,
    seed: int,
    drawn: Path | None,
    result: Path,
) -> list[str]:
    """`vllm bench serve` for one repeat of a point; `drawn` are the prompts made for lengths that vary."""
    limits = job.workload.limits
    wanted = [percentile_of(limit.statistic) for limit in limits if limit.statistic != "mean"]
    return bench.command(
        vllm,
        endpoint,
        tokenizer=job.target.serving.model,
        traffic=plan_steps.traffic_of(job.plan, job.workload.load, drawn),
        point=point,
        run=job.plan.run_at(point),
        seed=seed,
        result=result,
        goodput=repeats_agree.goodput_arguments(job.workload.goodput),
        percentiles=sorted({*bench.PERCENTILES, *(p for p in wanted if p is not None)}),
    )
