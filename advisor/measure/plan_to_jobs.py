"""A plan checked against this machine or a running server, as jobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from advisor.errors import InputError, QuantAdviseError
from advisor.measure.engine_of_run import with_workload_engine
from advisor.measure.execution.jobs import Job, QuantizeJob, checkpoint_folder
from advisor.measure.execution.session_job import UNKNOWN_GPU, SessionJob
from advisor.measure.plan_checks import check_context, check_plan, model_context
from advisor.measure.refuse_unstartable import check_starts
from advisor.measure.steps import checkpoint, plan_steps, running_server
from advisor.measure.steps.checkpoint import Checkpoint
from advisor.measure.steps.plan_steps import Target, Versions
from advisor.measure.steps.running_server import RunningServer
from advisor.measure.steps.vllm_server import Serving
from advisor.measure.steps.what_to_measure import Plan
from advisor.measure.tools import digests, envs, http, machine
from advisor.measure.tools.machine import Device
from advisor.spec.formats.recipes import UNQUANTIZED
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A plan that was found possible here, as jobs."""

    plan: Plan
    workload: Workload
    folder: Path
    model: Checkpoint
    model_name: str
    devices: tuple[Device, ...]
    versions: Versions
    jobs: tuple[Job, ...]
    offline: bool
    running: RunningServer | None = None
    """A server that is already running; None = servers of our own."""

    @property
    def source(self) -> str:
        """What records name as their source: model and content, no path."""
        return f"quantadvise measure {self.model_name} {digests.digest(self.model.identity)[:8]}"


def name_of(model: str) -> str:
    """The catalog's name of a model, else its folder's or repository's own."""
    try:
        return find_model(model).name
    except QuantAdviseError:
        return Path(model).name


def prepare(
    plan: Plan,
    folder: Path,
    *,
    endpoint: str | None = None,
    endpoint_gpu: str | None = None,
    devices: Sequence[Device] | None = None,
    need_tools: bool = True,
) -> Prepared:
    """Check all that can be checked before the first step. Raises QuantAdviseErrors, one line each."""
    plan = replace(plan, model=checkpoint.on_disk_or_hub(plan.model))
    workload = load_workload(plan.workload)
    if workload.load.conversation.repeats or workload.load.conversation.pauses:
        raise InputError(
            f"{plan.workload}: has conversations (turns, think_time_s, system_tokens), which measure cannot "
            "send: vllm bench serve has none, and vLLM's benchmark of them is not in its package; name a "
            "workload without, such as chat, or measure with AIPerf (--conversation-num) and compare by hand"
        )
    model = checkpoint.locate(plan.model, plan.revision, dummy=plan.dummy)
    found = tuple(devices) if devices is not None else tuple(machine.choose(plan.gpus))
    versions = _versions(plan, endpoint, need_tools=need_tools)
    running = None if endpoint is None else _running_server(plan, endpoint)
    found = _devices_of(found, running, endpoint_gpu)
    check_plan(plan, workload)
    if running is None:
        check_starts(plan, found[0], versions.vllm)
        plan = with_workload_engine(plan, workload)
    check_context(plan, workload)
    tunes = any(plan.is_made(format) and plan.recipe(format).needs_data for format in plan.formats)
    offline = Path(plan.model).is_dir() and not (tunes and plan.calibration.kind == "hub")
    draft = Prepared(
        plan=_with_context(plan, workload, endpoint),
        workload=workload,
        folder=folder.resolve(),
        model=model,
        model_name=name_of(plan.model),
        devices=found,
        versions=versions,
        jobs=(),
        offline=offline,
        running=running,
    )
    return replace(draft, jobs=tuple(_jobs(draft)))


def _running_server(plan: Plan, endpoint: str) -> RunningServer:
    """What the server states, where the plan can be measured on it. Raises QuantAdviseErrors."""
    if len(plan.formats) > 1 or any(plan.is_made(format) for format in plan.formats):
        raise InputError("--endpoint: serves one model; name its one format, 16-bit or with --checkpoint")
    if len(plan.tensor_parallel) > 1:
        raise InputError("--endpoint: serves on one number of GPUs; name it with --tp")
    refused = {
        "--max-model-len": plan.max_model_len,
        "--max-num-seqs": plan.max_num_seqs,
        "--engine-arg": plan.engine_args or None,
        "--kv-fp8": plan.kv_fp8 or None,
        "--load-format": plan.dummy or None,
        "gpu_memory_utilization": plan.gpu_memory_utilization,
    }
    given = [flag for flag, value in refused.items() if value is not None]
    if given:
        raise InputError(f"--endpoint: the server runs already; leave out {', '.join(given)}")
    checkpoints = dict(plan.checkpoints)
    return running_server.inspect(endpoint, checkpoints.get(plan.formats[0], plan.model))


def _devices_of(
    here: tuple[Device, ...], running: RunningServer | None, endpoint_gpu: str | None
) -> tuple[Device, ...]:
    """The devices that records name: this machine's, or the GPU of a server elsewhere. Raises InputError."""
    if endpoint_gpu is not None:
        if running is None:
            raise InputError("--endpoint-gpu: names the GPU of a server given by --endpoint; leave it out")
        gpu = find_gpu(endpoint_gpu)
        named = replace(machine.elsewhere(gpu.name), memory_mib=gpu.memory_mib, in_catalog=True)
        return (named,)
    if running is None or http.is_loopback(running.url):
        return here
    return (machine.elsewhere(UNKNOWN_GPU),)


def _with_context(plan: Plan, workload: Workload, endpoint: str | None) -> Plan:
    """The context the workload needs, where the plan names none: a model's own may not fit the KV cache."""
    if plan.max_model_len is not None or plan.prompts is not None or endpoint is not None:
        return plan
    longest = workload.load.longest_context
    # Some room: decoded random prompts may have a few tokens more, tasks bring their own lengths.
    needed = longest + 64 if not plan.tasks else max(longest + 64, 4096)
    return replace(plan, max_model_len=min(needed, model_context(plan.model) or needed))


def tools_needed(plan: Plan) -> frozenset[str]:
    """Names of the tools that carry a plan out."""
    serves = bool(plan.points) or plan.slo_search or (bool(plan.tasks) and plan.evaluate_with == "server")
    needed = {
        "quantize": any(plan.is_made(format) for format in plan.formats),
        "vllm": serves,
        "evaluate": bool(plan.tasks),
    }
    return frozenset(name for name, is_needed in needed.items() if is_needed)


def _versions(plan: Plan, endpoint: str | None, *, need_tools: bool) -> Versions:
    """Versions of the tools that the plan needs. Raises MissingToolError."""
    wanted = tools_needed(plan)

    def version(name: str) -> str | None:
        if name not in wanted:
            return None
        found = envs.require(name) if need_tools else envs.find(name)
        return None if found is None else found.version

    return Versions(
        quantize=version("quantize"),
        vllm=version("vllm"),
        evaluate=version("evaluate"),
    )


def _jobs(draft: Prepared) -> Iterator[Job]:
    plan, running = draft.plan, draft.running
    engine_version = draft.versions.vllm if running is None else running.version
    gpu = draft.devices[0].name
    task_file = _task_digest(plan.task_folder)
    for format in plan.formats:
        needs: str | None = None
        weights = draft.model
        algorithm = "none" if format in UNQUANTIZED else "given"
        if plan.is_made(format):
            step = plan_steps.quantize_step(plan, draft.model, format, draft.versions.quantize)
            needs = step.key
            weights = Checkpoint(path=str(checkpoint_folder(draft.folder, needs)), identity=f"made:{needs}")
            algorithm = plan.recipe(format).algorithm
            yield QuantizeJob(
                plan=plan,
                model=draft.model,
                format=format,
                step=step,
                model_name=draft.model_name,
                gpu=gpu,
                engine_version=draft.versions.quantize,
            )
        elif format in dict(plan.checkpoints):
            weights = checkpoint.locate(dict(plan.checkpoints)[format], None, dummy=plan.dummy)
        for number, tensor_parallel in enumerate(plan.tensor_parallel):
            serving = Serving(
                model=weights.path,
                revision=plan.revision if weights is draft.model else None,
                tensor_parallel=tensor_parallel,
                kv_fp8=plan.kv_fp8,
                max_model_len=plan.max_model_len,
                max_num_seqs=plan.max_num_seqs,
                gpu_memory_utilization=plan.gpu_memory_utilization,
                prefix_caching=draft.workload.load.prefix_hit_rate > 0,
                dummy=plan.dummy,
                seed=plan.seed,
                extra=plan.engine_args,
            )
            yield SessionJob(
                plan=plan,
                workload=draft.workload,
                target=Target(
                    model=draft.model_name,
                    format=format,
                    algorithm=algorithm,
                    weights=weights.identity,
                    gpu=gpu,
                    serving=serving,
                    engine_version=engine_version,
                    running=running,
                ),
                needs=needs,
                task_file=task_file,
                evaluate_version=draft.versions.evaluate,
                # Accuracy does not depend on how many GPUs hold the weights: once per format.
                tasks=plan.tasks if number == 0 else (),
            )


def _task_digest(folder: str | None) -> str | None:
    """Digest of the user's task definitions and their data. Raises InputError without such a folder."""
    if folder is None:
        return None
    path = Path(folder)
    if not path.is_dir():
        raise InputError(f"{folder}: no such folder of lm-eval tasks")
    names = sorted(
        file
        for file in path.rglob("*")
        if file.suffix in (".yaml", ".yml", ".py", ".json", ".jsonl") and file.is_file()
    )
    return digests.digest([[str(file.relative_to(path)), digests.file_sha256(file)] for file in names])
