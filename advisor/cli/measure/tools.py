"""`quantadvise tools`: which real tools there are, and how to get the rest."""

from __future__ import annotations

from typing import Annotated

import typer

from advisor.cli.help import App
from advisor.errors import InputError

tools_app = App(help="The tools that measure runs: which are installed, where, and how to install the rest.")


@tools_app.callback(invoke_without_command=True)
def tools(context: typer.Context) -> None:
    """Show which tools are found, where, which versions, and what installs the rest."""
    if context.invoked_subcommand is None:
        from advisor.measure.plan_and_results_as_text import tools as tools_text

        typer.echo(tools_text())


@tools_app.command()
def install(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="vllm, quantize, evaluate, torch, ray, guidellm (default: the first three)."),
    ] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="CPU builds, even where there is a GPU.")] = False,
    cuda: Annotated[bool, typer.Option("--cuda", help="CUDA builds, even where there is no GPU.")] = False,
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
