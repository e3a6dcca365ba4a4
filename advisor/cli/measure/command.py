"""`quantadvise measure`, `tools`, `calibrate`: parse, call, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.errors import InputError

_WHAT = "What to measure"
_HOW = "How"
_WHERE = "Where and how long"


def _seconds(text: str | None) -> float | None:
    """`2h`, `90m`, `45s`, `1h30m` as seconds. Raises InputError."""
    if text is None:
        return None
    import re

    match = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", text.strip())
    if match is None or not any(match.groups()):
        raise InputError(f"--budget: '{text}' is no time; write 2h, 90m or 45s")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3_600 + minutes * 60 + seconds


def _whole_numbers(text: str | None, flag: str) -> tuple[int, ...] | None:
    if text is None:
        return None
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words or not all(word.isdigit() for word in words):
        raise InputError(f"{flag}: '{text}' is no list of numbers such as 0,1")
    return tuple(int(word) for word in words)


def measure(
    plan_file: Annotated[
        Path | None, typer.Argument(metavar="[PLAN]", help="A plan (YAML); flags go over it.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="Name, Hub id or folder.", rich_help_panel=_WHAT)
    ] = None,
    workload: Annotated[
        str | None,
        typer.Option("--workload", "--profile", "-w", help="Profile or YAML.", rich_help_panel=_WHAT),
    ] = None,
    formats: Annotated[str | None, typer.Option(help="bf16,fp8,int8,int4,…", rich_help_panel=_WHAT)] = None,
    tp: Annotated[
        str | None, typer.Option("--tp", help="Tensor parallel sizes: 1,2.", rich_help_panel=_WHAT)
    ] = None,
    concurrency: Annotated[
        str | None,
        typer.Option(help="Requests in flight: 1,8,32,max (all queued at once).", rich_help_panel=_WHAT),
    ] = None,
    rates: Annotated[
        str | None, typer.Option(help="Requests per second: 0.5,2,8.", rich_help_panel=_WHAT)
    ] = None,
    slo_search: Annotated[
        bool | None,
        typer.Option("--slo-search", help="Find the highest rate within the limits.", rich_help_panel=_WHAT),
    ] = None,
    tasks: Annotated[
        str | None,
        typer.Option(
            help="lm-eval tasks: gsm8k,arc_challenge; profile: the workload's.", rich_help_panel=_WHAT
        ),
    ] = None,
    task_folder: Annotated[
        Path | None, typer.Option(help="Folder of your own lm-eval YAML.", rich_help_panel=_WHAT)
    ] = None,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(metavar="FORMAT=MODEL", help="One that is made already.", rich_help_panel=_WHAT),
    ] = None,
    revision: Annotated[str | None, typer.Option(help="Of the model.", rich_help_panel=_WHAT)] = None,
    repeats: Annotated[
        int | None, typer.Option(min=1, help="Least repeats per point (3).", rich_help_panel=_HOW)
    ] = None,
    requests: Annotated[
        int | None, typer.Option(min=1, help="Per point and repeat.", rich_help_panel=_HOW)
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Items per task.", rich_help_panel=_HOW)] = None,
    fewshot: Annotated[
        int | None, typer.Option(min=0, help="Examples per item.", rich_help_panel=_HOW)
    ] = None,
    chat_template: Annotated[
        bool | None, typer.Option("--chat-template", help="For tasks.", rich_help_panel=_HOW)
    ] = None,
    evaluate_with: Annotated[
        str | None, typer.Option(metavar="server|hf", help="What answers tasks.", rich_help_panel=_HOW)
    ] = None,
    algorithm: Annotated[
        list[str] | None,
        typer.Option(metavar="FORMAT=NAME", help="Other than our first: int4=awq.", rich_help_panel=_HOW),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(metavar="FILE|DATASET|random", help="What formats are tuned on.", rich_help_panel=_HOW),
    ] = None,
    calibration_samples: Annotated[
        int | None, typer.Option(min=1, help="Rows of it (512).", rich_help_panel=_HOW)
    ] = None,
    calibration_length: Annotated[
        int | None, typer.Option(min=1, help="Tokens of a row (2048).", rich_help_panel=_HOW)
    ] = None,
    kv_fp8: Annotated[
        bool | None, typer.Option("--kv-fp8", help="FP8 KV cache.", rich_help_panel=_HOW)
    ] = None,
    load_format: Annotated[
        str | None,
        typer.Option(metavar="auto|dummy", help="dummy: speed from the config alone.", rich_help_panel=_HOW),
    ] = None,
    prompts: Annotated[
        str | None, typer.Option(help="ShareGPT .json, or .jsonl of prompts.", rich_help_panel=_HOW)
    ] = None,
    max_model_len: Annotated[
        int | None, typer.Option(min=1, help="As vLLM's; what the load needs.", rich_help_panel=_HOW)
    ] = None,
    max_num_seqs: Annotated[int | None, typer.Option(min=1, help="As vLLM's.", rich_help_panel=_HOW)] = None,
    engine_arg: Annotated[
        list[str] | None, typer.Option(help="Passed to vllm serve as it is.", rich_help_panel=_HOW)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of prompts and calibration (0).", rich_help_panel=_HOW)
    ] = None,
    gpus: Annotated[
        str | None, typer.Option(help="Which: 0,1 (default: all).", rich_help_panel=_WHERE)
    ] = None,
    gpu_file: Annotated[
        Path | None,
        typer.Option(metavar="YAML", help="What the GPU is, when no catalog says.", rich_help_panel=_WHERE),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Measure a server that runs.", rich_help_panel=_WHERE)
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="For our server (default: a free one).", rich_help_panel=_WHERE)
    ] = None,
    executor: Annotated[
        str, typer.Option(metavar="local|ray", help="Where jobs run.", rich_help_panel=_WHERE)
    ] = "local",
    address: Annotated[str | None, typer.Option(help="Of the Ray cluster.", rich_help_panel=_WHERE)] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="2h", help="No step begins after it.", rich_help_panel=_WHERE)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder (measured/MODEL).", rich_help_panel=_WHERE)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Quantize, serve, benchmark and evaluate, for real; rerun the same command to go on."""
    from advisor.cli.measure.run import carry_out
    from advisor.cli.measure.tasks import with_profile_tasks
    from advisor.measure.steps.calibration import Calibration
    from advisor.measure.steps.plan import formats_of, pairs_of, points_of, read_plan

    calibrated: dict[str, Any] = {
        name: value
        for name, value in (
            ("source", calibration),
            ("samples", calibration_samples),
            ("length", calibration_length),
        )
        if value is not None
    }
    if load_format not in (None, "auto", "dummy"):
        raise InputError(f"--load-format: '{load_format}' is neither auto nor dummy")
    if evaluate_with not in (None, "server", "hf"):
        raise InputError(f"--evaluate-with: '{evaluate_with}' is neither server nor hf")
    points = points_of(concurrency, rates) if concurrency is not None or rates is not None else None
    plan = read_plan(
        plan_file,
        {
            "model": model,
            "workload": workload,
            "revision": revision,
            "formats": None if formats is None else formats_of(formats),
            "checkpoints": None if not checkpoint else pairs_of(tuple(checkpoint), "--checkpoint"),
            "algorithms": None if not algorithm else pairs_of(tuple(algorithm), "--algorithm"),
            "gpus": _whole_numbers(gpus, "--gpus"),
            "tensor_parallel": _whole_numbers(tp, "--tp"),
            "points": points,
            "slo_search": slo_search,
            "tasks": None if tasks is None else tuple(w.strip() for w in tasks.split(",") if w.strip()),
            "task_folder": None if task_folder is None else str(task_folder),
            "fewshot": fewshot,
            "limit": limit,
            "chat_template": chat_template,
            "evaluate_with": evaluate_with,
            "repeats": repeats,
            "requests": requests,
            "dummy": None if load_format is None else load_format == "dummy",
            "kv_fp8": kv_fp8,
            "max_model_len": max_model_len,
            "max_num_seqs": max_num_seqs,
            "engine_args": None if not engine_arg else tuple(engine_arg),
            "prompts": prompts,
            "calibration": Calibration(**calibrated) if calibrated else None,
            "seed": seed,
        },
    )
    plan = with_profile_tasks(plan)
    folder = out or Path("measured") / Path(plan.model).name
    carry_out(
        plan,
        folder,
        gpu_file=None if gpu_file is None else str(gpu_file),
        endpoint=endpoint,
        port=port,
        executor=executor,
        address=address,
        budget_s=_seconds(budget),
        dry_run=dry_run,
        yes=yes,
    )


def calibrate(
    gpu: Annotated[int | None, typer.Option(help="Which GPU (default: the first, else the CPU).")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Time to take.")] = 120.0,
    out: Annotated[Path, typer.Option(help="Folder for the records, calibration.json, gpu.yaml.")] = Path(
        "calibrated"
    ),
    cpu: Annotated[bool, typer.Option("--cpu", help="The CPU, whatever the machine has.")] = False,
) -> None:
    """Time memory, matrix products, attention and launches with PyTorch alone: no weights, no vLLM."""
    import json
    import shlex

    from advisor.measure import show
    from advisor.measure.state.site import Site, now
    from advisor.measure.steps import calibrate as timing
    from advisor.measure.tools import envs, files, machine
    from advisor.record import store

    device = machine.cpu() if cpu else machine.choose(None if gpu is None else (gpu,))[0]
    site = Site(folder=out.resolve(), gpus=() if device.index is None else (device.index,))
    found, date = timing.measure(envs.require("torch"), site, device, seconds=seconds), now()
    with files.room_expected(out):
        files.write(out / "calibration.json", json.dumps(timing.to_json(found, date), indent=1) + "\n")
        store.write_kernels(out / "kernels.csv", timing.records(found, date))
    typer.echo(show.table(("what", "shape", "rate"), timing.lines(found)))
    own = timing.gpu_file(found)
    if own is not None:
        files.write(out / "gpu.yaml", own)
    elif not device.in_catalog:
        typer.echo(f"{device.driver_name}: too slow, or too little timed, for a GPU file", err=True)
        return
    name = device.name if own is None else out / "gpu.yaml"
    typer.echo(
        f"answer with it: quantadvise recommend … --gpu {shlex.quote(str(name))} --records {out}", err=True
    )


tools_app = typer.Typer(help="The real tools: which are found, where, and how to get the rest.")


@tools_app.callback(invoke_without_command=True)
def tools(context: typer.Context) -> None:
    """Show which tools are found, where, which versions, and what installs the rest."""
    if context.invoked_subcommand is None:
        from advisor.measure import show

        typer.echo(show.tools())


@tools_app.command()
def install(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="vllm, quantize, evaluate, torch, ray, guidellm (default: the first three)."),
    ] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="CPU builds, whatever the machine has.")] = False,
    cuda: Annotated[bool, typer.Option("--cuda", help="CUDA builds, whatever the machine has.")] = False,
) -> None:
    """Make a private environment per tool, with versions known to work together."""
    from advisor.measure.tools import envs
    from advisor.measure.tools import install as installer

    if cpu and cuda:
        raise InputError("tools install: --cpu and --cuda exclude each other")
    with_cuda = cuda or (not cpu and envs.has_cuda())
    wanted = names or ["vllm", "quantize", "evaluate"]
    environments = dict.fromkeys(installer.environment_for(name, cuda=with_cuda) for name in wanted)
    for environment in environments:
        installer.install(environment, say=lambda line: typer.echo(line, err=True))


def register(app: typer.Typer) -> None:
    """Add the commands to quantadvise."""
    app.command()(measure)
    app.command()(calibrate)
    app.add_typer(tools_app, name="tools")
