"""`quantadvise profiles from-trace`: a profile of one's own traffic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from advisor import atomic_files
from advisor.errors import InputError

if TYPE_CHECKING:
    from advisor.spec.workloads.traces.profile_of_trace import TraceProfile
    from advisor.spec.workloads.workload import Arrival


Joined = Annotated[
    bool,
    typer.Option(help="Join requests that continue one another into conversations, or take each by itself."),
]


def from_trace(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Azure or BurstGPT CSV; JSON (Lines) of Mooncake, Bailian, Weka, OpenAI-style, batches, "
            "LiteLLM, spans; ShareGPT JSON; vLLM's log.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="YAML", help="File to write; stdout by default.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Name of the profile; the file's by default.")
    ] = None,
    chars_per_token: Annotated[
        float | None,
        typer.Option(metavar="N", help="Approximate counts where the log has text only: 4 for English."),
    ] = None,
    output_tokens: Annotated[
        str | None, typer.Option(metavar="N", help="Answer tokens where the log has none: 256, 256±100.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="R", help="Requests per second, in place of the log's.")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Requests in flight, in place of the log's.")
    ] = None,
    conversations: Joined = True,
) -> None:
    """Lengths, arrivals, conversations and prefix sharing of a request log as a profile.

    Token counts come from the log; text without counts needs the model's tokenizer, or --chars-per-token.

    quantadvise profiles from-trace requests.jsonl --out traffic.yaml
    """
    from advisor.spec.workloads.profile_flags import parse_lengths
    from advisor.spec.workloads.read_profile import to_yaml
    from advisor.spec.workloads.traces.profile_of_trace import profile_from_trace

    if name is not None and not name.strip():
        raise InputError("--name: is empty; name the profile, or leave it out")
    arrival = _arrival(rate, concurrency)
    if out is not None:
        atomic_files.check_folder(out, where="--out")
    answers = None if output_tokens is None else parse_lengths(output_tokens, where="--output-tokens")
    if out is not None and out.exists():
        raise InputError(f"{out}: exists; name another file or delete it")
    found = profile_from_trace(
        file,
        name=name,
        chars_per_token=chars_per_token,
        output_tokens=answers,
        arrival=arrival,
        conversations=conversations,
    )
    _write(found, to_yaml(found.workload), out)


def _write(found: TraceProfile, text: str, out: Path | None) -> None:
    for note in found.notes:
        typer.echo(f"quantadvise: {note}", err=True)
    if out is None:
        typer.echo(text, nl=False)
        return
    atomic_files.write_output(out, text)
    typer.echo(f"{out}: {_summary(found)}")


def _summary(found: TraceProfile) -> str:
    from advisor.display_text import number

    load = found.workload.load
    return (
        f"{found.requests:,} requests; {number(load.input_tokens.mean, digits=4)} prompt and "
        f"{number(load.output_tokens.mean, digits=4)} answer tokens on average"
    )


def _arrival(rate: float | None, concurrency: int | None) -> Arrival | None:
    """The load that stands in place of the log's; None where the log's own counts. Raises InputError."""
    from advisor.spec.workloads.workload import Arrival

    if rate is not None and concurrency is not None:
        raise InputError("--rate and --concurrency: a workload has one load; keep one of them")
    try:
        if rate is not None:
            return Arrival(kind="rate", value=rate)
        return None if concurrency is None else Arrival(kind="concurrency", value=float(concurrency))
    except ValueError as error:
        raise InputError(f"{'--rate' if rate is not None else '--concurrency'}: {error}") from error
