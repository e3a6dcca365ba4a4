"""`quantadvise ui`: the answer live in a browser, from this machine alone."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Annotated

import typer

from advisor.cli import options as o
from advisor.cli import options_to_model_and_workload as v
from advisor.cli.streams import keep_broken_pipes
from advisor.errors import InputError
from advisor.spec.reading.comma_lists import split_all

if TYPE_CHECKING:
    from advisor.ui.own_models_workloads_gpus import OwnInputs

PORT = 8717


def ui(
    model: o.ModelArgument = None,
    workload: o.WorkloadOption = None,
    gpu: Annotated[
        list[str] | None,
        typer.Option(
            "--gpu",
            "-g",
            metavar="NAME|FILE",
            help="GPUs to begin with: names, or YAML files that describe your own.",
        ),
    ] = None,
    port: Annotated[int, typer.Option(metavar="N", help="Port on 127.0.0.1; 0 takes a free one.")] = PORT,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    records: o.RecordsOption = None,
) -> None:
    """The answer live in a browser: change model, GPUs, load, limits and prices and see it move.

    Served on 127.0.0.1 alone; the page fetches nothing from elsewhere and nothing leaves this machine.

    quantadvise ui Llama-3.1-8B-Instruct --gpu L40S,H100
    """
    from advisor.cli.progress import working
    from advisor.report.html.elements.vega import check_installed
    from advisor.ui.answers import Answerer
    from advisor.ui.page import ui_page
    from advisor.ui.server import Server

    check_installed()
    if not 0 <= port <= 65_535:
        raise InputError(f"--port: {port} is not a port; give 0 to 65,535")
    first, own_inputs = begin(model, workload, split_all(gpu))
    with working("Reading the measurements and the charts' library"):
        models, gpus = list(own_inputs.models.values()), list(own_inputs.gpus.values())
        predictor = v.the_predictor(records, models=models, gpus=gpus)
        answerer = Answerer(predictor, v.the_quality(records), own_inputs)
        answerer.answer(first)
        answerer.rest(first)
        page = ui_page(first, own_inputs)
    # What was read stays for good: looking it over for garbage would only lengthen answers.
    gc.freeze()
    try:
        server = Server(port, page, answerer)
    except OSError as error:
        raise InputError(f"--port: {port}: {error.strerror}; give another, or 0 for a free one") from error
    keep_broken_pipes()
    typer.echo(f"{server.address} answers on this machine alone; Ctrl-C ends it", err=True)
    if browser:
        import webbrowser

        webbrowser.open(server.address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        typer.echo("ended", err=True)
    finally:
        server.server_close()


def begin(model: str | None, workload: str | None, gpus: list[str]) -> tuple[dict[str, str], OwnInputs]:
    """The first question, and what it names that no catalog has: read here, once, and never by the page."""
    from advisor.spec.hardware.catalog import known_gpus
    from advisor.spec.hardware.gpu_by_name import find_gpu
    from advisor.spec.models.catalog import find_model, known_models
    from advisor.spec.workloads.read_profile import known_workloads, load_workload
    from advisor.ui.own_models_workloads_gpus import OwnInputs
    from advisor.ui.page import FIRST

    first = dict(FIRST)
    models, workloads, own = {}, {}, {}
    if model is not None:
        found = find_model(model)
        first["model"] = found.name
        if found.name not in known_models():
            models[found.name] = found
    if workload is not None:
        asked = load_workload(workload)
        first["workload"] = asked.name
        if asked.name not in known_workloads() or workload.endswith((".yaml", ".yml")):
            workloads[asked.name] = asked
    if gpus:
        named = [] if [name.lower() for name in gpus] == ["any"] else [find_gpu(name) for name in gpus]
        first["gpu"] = ",".join(gpu.name for gpu in named)
        own = {gpu.name: gpu for gpu in named if gpu not in known_gpus()}
    return first, OwnInputs(models=models, workloads=workloads, gpus=own)
