"""The options that state an engine and its settings: one name, one meaning, one help text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from advisor.spec.engines.engine import Engine

_ENGINE = "Engine"

SpeculativeOption = Annotated[
    str | None,
    typer.Option(
        "--speculative",
        "--speculative-config",
        "--speculative-model",
        "--num-speculative-tokens",
        metavar="draft|mtp|eagle|ngram",
        help="Refused, with what is known of this kind of speculative decoding and why its speed is "
        "not predicted.",
        rich_help_panel=_ENGINE,
    ),
]

EngineOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Engine and release: vllm 0.11.0; vllm 0.32.0 by default.",
        rich_help_panel=_ENGINE,
    ),
]
MaxNumSeqsOption = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Most sequences in one step (vLLM's --max-num-seqs).", rich_help_panel=_ENGINE
    ),
]
MaxNumBatchedTokensOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Most tokens in one step (vLLM's --max-num-batched-tokens).",
        rich_help_panel=_ENGINE,
    ),
]
GpuMemoryUtilizationOption = Annotated[
    str | None,
    typer.Option(
        metavar="SHARE",
        help="Share of a GPU's memory that vLLM may take: 0.9 or 90%.",
        rich_help_panel=_ENGINE,
    ),
]
PrefixCachingOption = Annotated[
    bool | None,
    typer.Option(
        "--enable-prefix-caching/--no-enable-prefix-caching",
        help="Reuse the KV cache of prompts that begin alike.",
        rich_help_panel=_ENGINE,
    ),
]
AsyncSchedulingOption = Annotated[
    bool | None,
    typer.Option(
        "--async-scheduling/--no-async-scheduling",
        help="Prepare the next step while the GPU runs this one.",
        rich_help_panel=_ENGINE,
    ),
]
EnforceEagerOption = Annotated[
    bool | None,
    typer.Option("--enforce-eager", help="No CUDA graphs and no compilation.", rich_help_panel=_ENGINE),
]
CompilationOption = Annotated[
    bool | None,
    typer.Option(
        "--compilation/--no-compilation", help="torch.compile and its fusions.", rich_help_panel=_ENGINE
    ),
]
AllreduceFusionOption = Annotated[
    bool | None,
    typer.Option(
        "--allreduce-fusion/--no-allreduce-fusion",
        help="One kernel for all-reduce, addition and norm.",
        rich_help_panel=_ENGINE,
    ),
]
StreamIntervalOption = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Tokens sent to the client together (--stream-interval).", rich_help_panel=_ENGINE
    ),
]
IgnoreEngineVersionOption = Annotated[
    bool,
    typer.Option(
        "--ignore-engine-version",
        help="Allow models and formats that this vLLM release is too old, or too new, for.",
        rich_help_panel=_ENGINE,
    ),
]
KvCacheDtypeOption = Annotated[
    str | None,
    typer.Option(
        metavar="auto|bfloat16|fp8|any",
        help="Type of the KV cache: auto follows the checkpoint, any tries 16 bits and FP8.",
        rich_help_panel=_ENGINE,
    ),
]


def engine_words(engine: Engine) -> list[str]:
    """The options of a command that state an engine: its release, and the settings that it states."""
    words = ["--engine", str(engine)]
    for name, value in engine.stated.items():
        option = _SWITCHES.get(name)
        if option is None:
            words += [f"--{name.replace('_', '-')}", f"{value:g}" if isinstance(value, float) else str(value)]
        elif value:
            words.append(f"--{option}")
        elif name != "enforce_eager":  # which has no other half: it is off where it is not said
            words.append(f"--no-{option}")
    return words


_SWITCHES = {
    "prefix_caching": "enable-prefix-caching",
    "async_scheduling": "async-scheduling",
    "enforce_eager": "enforce-eager",
    "compilation": "compilation",
    "allreduce_fusion": "allreduce-fusion",
}
"""Settings that are on or off, by field of `Engine`."""
