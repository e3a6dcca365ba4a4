"""Jobs: the work that an executor distributes: making a checkpoint, measuring a deployment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from advisor.errors import DataError
from advisor.measure.execution.deployment_session import Session, Steps
from advisor.measure.execution.session_job import SessionJob, located
from advisor.measure.state import failure_kind
from advisor.measure.state.events import CancelledError, Done, Said
from advisor.measure.state.job_site import Site, now
from advisor.measure.state.ledger import Entry, Failure, Step
from advisor.measure.steps import quantize
from advisor.measure.steps.checkpoint import Checkpoint
from advisor.measure.steps.what_to_measure import Plan
from advisor.measure.tools import subprocesses


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeJob:
    """Making the checkpoint of one format."""

    plan: Plan
    model: Checkpoint
    format: str
    step: Step
    model_name: str
    gpu: str
    engine_version: str | None

    @property
    def title(self) -> str:
        return f"{self.format} quantize"

    @property
    def needs(self) -> str | None:
        return None

    @property
    def gpus(self) -> int:
        """llm-compressor brings layer after layer onto one GPU."""
        return 1


Job = QuantizeJob | SessionJob


def checkpoint_folder(folder: Path, key: str) -> Path:
    """Where the checkpoint that a quantize step made stands."""
    return folder / "checkpoints" / key


def run_quantize(job: QuantizeJob, site: Site) -> Steps:
    """Make the checkpoint. Raises like `Session.run`."""
    site.check()
    found = site.tool("quantize")
    recipe = job.plan.recipe(job.format)
    yield Said(job=job.title, text=f"llm-compressor {found.version}, {recipe.algorithm}")
    start, work = time.monotonic(), site.work(job.step.key)
    log = work / "quantize.log"
    log.unlink(missing_ok=True)
    result: dict[str, object] | None = None
    failed: Failure | None = None
    try:
        result = _made(job, site, work, log)
    except subprocesses.ToolError as error:
        if site.cancelled():
            raise CancelledError("stopped; the same command goes on") from error
        failed = failure_kind.classify(error)
    except DataError as error:  # it ended well, and the checkpoint is not what it should be
        failed = Failure(reason="crash", detail=str(error))
    yield Done(job=job.title, entry=_entry(job, time.monotonic() - start, result, failed))


def _made(job: QuantizeJob, site: Site, work: Path, log: Path) -> dict[str, object]:
    """The checkpoint as the ledger keeps it. Raises like `quantize.measure`."""
    made = quantize.measure(
        site.tool("quantize"),
        job.model,
        job.plan.revision,
        job.plan.recipe(job.format),
        job.plan.calibration,
        checkpoint_folder(site.folder, job.step.key),
        work=work,
        log=log,
        env=site.env(),
        limit_s=job.plan.quantize_limit_s,
        kv_fp8=job.plan.kv_fp8,
        seed=job.plan.seed,
    )
    return {
        "identity": made.identity,
        "weight_bytes": made.weight_bytes,
        "original_bytes": job.model.weight_bytes,
        "files": [list(row) for row in made.files],
    }


def _entry(
    job: QuantizeJob, seconds: float, result: dict[str, object] | None, failed: Failure | None
) -> Entry:
    return Entry(
        key=job.step.key,
        kind="quantize",
        title=job.step.title,
        inputs=job.step.inputs,
        seconds=seconds,
        date=now(),
        result=result,
        failure=failed,
        extra={
            "log": f"work/{job.step.key}/quantize.log",
            "facts": {
                "model": job.model_name,
                "format": job.format,
                "algorithm": job.plan.recipe(job.format).algorithm,
                "kv_format": "fp8" if job.plan.kv_fp8 else "16bit",
                "gpu": job.gpu,
                "num_gpus": 1,
                "engine_version": job.engine_version,
                "max_context": None,
            },
        },
    )


def run_job(job: Job, site: Site, done: Mapping[str, Entry]) -> Steps:
    """Every step of the job that is not in `done`."""
    if isinstance(job, QuantizeJob):
        if job.step.key not in done:
            yield from run_quantize(job, site)
        return
    if job.needs is not None:
        job = located(job, str(checkpoint_folder(site.folder, job.needs)))
    yield from Session(job, site, done).run()
