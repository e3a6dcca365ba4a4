"""docs/reference.md: commands, profile keys, formats, metrics and record columns, from the code itself."""

from __future__ import annotations

import enum
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

_WORDS = {int: "N", float: "NUMBER", str: "TEXT", Path: "PATH"}

_HEAD = """# Reference

Made from the code by `python docs/tools/reference.py`; do not edit, a test keeps it current. The
[guide](guide.md) shows the commands at work, [method.md](method.md) says how the figures come about.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option or argument of a command."""

    names: tuple[str, ...]
    """`--gpu`, `-g`; an argument's own name."""
    value: str
    """What follows it; empty for a switch."""
    help: str
    panel: str
    is_argument: bool
    default: str
    """Empty where there is none worth a word."""
    required: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandText:
    """A command: what it does and takes."""

    name: str
    about: str
    options: tuple[Option, ...]


def commands() -> tuple[CommandText, ...]:
    """Every command in the order of `--help`; groups (`tools`) that do something by themselves, too."""
    import typer

    from advisor.cli.app import app_for

    return tuple(_walk(typer.main.get_command(app_for()), ""))


def _walk(command: Any, name: str) -> Iterator[CommandText]:
    nested = getattr(command, "commands", None)
    if name and (nested is None or getattr(command, "invoke_without_command", False)):
        yield CommandText(
            name=name,
            about=(command.help or "").replace("\n\n", "\x00").replace("\n", " ").replace("\x00", "\n\n"),
            options=tuple(_option(p, command) for p in command.params if not _is_unlisted(p)),
        )
    for word, inner in (nested or {}).items():
        yield from _walk(inner, f"{name} {word}".strip())


def _is_unlisted(parameter: Any) -> bool:
    """`--help`, and words that only lead to the option that is meant."""
    return "--help" in parameter.opts or getattr(parameter, "hidden", False)


def _option(parameter: Any, command: Any) -> Option:
    hint = get_type_hints(command.callback)[parameter.name]
    is_argument = parameter.param_type_name == "argument"
    default = parameter.default
    told = default not in (None, False, (), []) and not callable(default)
    environment = f" Environment: `{parameter.envvar}`." if parameter.envvar else ""
    return Option(
        names=(parameter.metavar or parameter.name.upper(),)
        if is_argument
        else (*parameter.opts, *parameter.secondary_opts),
        value="" if is_argument else (parameter.metavar or _value(hint)),
        help=f"{parameter.help or ''}{environment}".strip(),
        panel=getattr(parameter, "rich_help_panel", None) or "",
        is_argument=is_argument,
        default=str(getattr(default, "value", default)) if told else "",
        required=bool(parameter.required),
    )


def _value(hint: Any) -> str:
    """What a value of this type is called; empty for a switch."""
    if get_origin(hint) in (Union, types.UnionType, list):
        hint = next(part for part in get_args(hint) if part is not type(None))
        return _value(hint)
    if hint is bool:
        return ""
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return "|".join(str(member.value) for member in hint)
    return _WORDS.get(hint, "VALUE")


def reference() -> str:
    """The page."""
    parts = [
        _HEAD,
        "## Commands",
        "Exit codes: 0 done, 1 input wrong (one line on stderr: where, what, remedy), 2 usage, 3 nothing "
        "keeps the limits. Answers go to stdout, everything else to stderr.",
        *(_command(command) for command in commands()),
        "## Profiles",
        *_profiles(),
        "## Formats",
        *_formats(),
        "## Metrics",
        *_metrics(),
        "## Estimates",
        *_estimates(),
        "## Records",
        *_records(),
        "## GPUs",
        *_gpus(),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _command(command: CommandText) -> str:
    arguments = [option for option in command.options if option.is_argument]
    usage = " ".join(
        [
            f"quantadvise {command.name}",
            *(a.names[0] if a.required else f"[{a.names[0].strip('[]')}]" for a in arguments),
            *(["[OPTIONS]"] if len(arguments) < len(command.options) else []),
        ]
    )
    rows = [
        (
            f"`{', '.join(option.names)}`" + (f" `{option.value}`" if option.value else ""),
            option.panel,
            option.help + (f" Default: `{option.default}`." if option.default else ""),
        )
        for option in command.options
    ]
    panels = any(panel for _, panel, _ in rows)
    table = (
        _table(("option", "about", "what"), rows) if panels else _table(("option", "what"), _without(rows))
    )
    about = "\n\n".join(
        f"`{part}`" if part.startswith("quantadvise ") else part
        for part in command.about.strip().split("\n\n")
    )
    return f"### {command.name}\n\n`{usage}`\n\n{about}\n\n{table if rows else ''}".strip()


def _without(rows: Iterable[tuple[str, str, str]]) -> list[tuple[str, str]]:
    return [(first, last) for first, _, last in rows]


def _profiles() -> Iterator[str]:
    from advisor.spec.workloads.profile_schema import PROPERTIES
    from advisor.spec.workloads.read_profile import known_workloads, load_workload

    yield (
        "Keys of a workload's YAML ([how to write one](../profiles/README.md), "
        "[JSON Schema](../profiles/schema/profile.schema.json)). Flags of the command line stand over them."
    )
    yield _table(
        ("key", "value", "meaning"),
        [(f"`{key}`", _schema_text(schema), about) for key, (schema, about) in PROPERTIES.items()],
    )
    shipped = [(name, load_workload(name)) for name in known_workloads()]
    yield "Those that ship:"
    yield _table(("profile", "about"), [(f"`{name}`", workload.about) for name, workload in shipped])


def _schema_text(schema: Mapping[str, Any]) -> str:
    """A JSON Schema in a few words."""
    if "anyOf" in schema and "type" not in schema:
        return " or ".join(dict.fromkeys(_schema_text(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema["type"]
    if kind == "object":
        inside = {**schema["properties"], **schema.get("patternProperties", {})}
        words = [
            f"{name}: {one['const']}" if "const" in one else name
            for name, one in inside.items()
            if name.isidentifier() and not name.startswith("p9")
        ]
        few = words if len(words) <= 7 else [*words[:4], "…"]
        return f"`{{{', '.join(few)}}}`"
    if kind == "array":
        return f"list of {_schema_text(schema['items'])}"
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if kind in ("number", "integer"):
        above = "" if low is None else f" {'above' if 'exclusiveMinimum' in schema else 'from'} {low:,}"
        below = "" if high is None else f" {'below' if 'exclusiveMaximum' in schema else 'to'} {high:,}"
        return f"{'whole number' if kind == 'integer' else 'number'}{above}{below}"
    return "text"


def _formats() -> Iterator[str]:
    from advisor.spec.formats.catalog import known_formats
    from advisor.spec.formats.recipes import RECIPES

    yield (
        "`native` multiplies in the format's own type; `weight-only` unpacks to 16 bits: memory and "
        "bandwidth are saved, no compute. Numbers are CUDA capabilities (8.0 A100, 8.6 A6000, 8.9 L40S, "
        "9.0 H100, 10.0 B200) and AMD's gfx numbers. *since*: the vLLM release that first runs it there."
    )
    rows = []
    for fmt in known_formats():
        runs = "; ".join(
            f"{s.vendor} {_between(s.min_capability, s.max_capability)} {s.kind.replace('_', '-')}"
            + (f" since {s.since}" if s.since else "")
            for s in fmt.supports
        )
        made = ", ".join(recipe.algorithm for recipe in RECIPES if recipe.format == fmt.name)
        rows.append(
            (
                f"`{fmt.name}`",
                fmt.title,
                f"{fmt.bits_per_weight:g}",
                str(fmt.activation_bits),
                runs,
                made or "–",
                ", ".join(f"`{name}`" for name in (*fmt.aliases, *fmt.hf_suffixes)),
            )
        )
    yield _table(
        ("format", "title", "bits per weight", "activations", "runs on", "made by", "also called"), rows
    )
    kept = ", ".join(known_formats()[0].kept_16bit)
    yield f"In every format these stay at 16 bits: {kept}. `quantadvise formats` prints the same."


def _between(low: float, high: float) -> str:
    return str(low) if low == high else f"{low}–{high}"


def _metrics() -> Iterator[str]:
    from advisor.spec.metrics import METRICS

    yield "Our names, and where to find the same quantity in other tools' results; `import` converts."
    yield _table(
        ("metric", "unit", "meaning", "vLLM bench", "GuideLLM", "AIPerf", "inference-perf, llm-d (s)"),
        [
            (f"`{name}`", m.unit, m.meaning, m.vllm, m.guidellm, m.aiperf, m.seconds)
            for name, m in METRICS.items()
        ],
    )
    yield (
        "A percentile is always named (`ttft_p95_ms`). *Recovery* is the quantized score over the 16-bit one "
        "under the same protocol. *Goodput* counts requests that keep every limit by themselves."
    )


_SCHEMAS = {
    "recommend": "recommendation",
    "predict": "prediction",
    "crossover": "crossover",
    "measure-next": "suggestion",
    "compare": "comparison",
}
"""The JSON Schema of what each command prints."""


def _estimates() -> Iterator[str]:
    from advisor.cost.estimate_with_interval import BASES

    schemas = ", ".join(
        f"[{command}](../advisor/report/documents/schema/{name}.schema.json)"
        for command, name in _SCHEMAS.items()
    )

    yield "Every figure is a value with a 90 % interval, low to high, and a basis:"
    yield _table(("basis", "meaning"), [(f"`{name}`", text) for name, text in BASES.items()])
    yield (
        f"`--output json` prints them as the schema of the command says: {schemas}. A figure that follows "
        "from what was asked, such as the rate of an open loop, has low = value = high."
    )


def _records() -> Iterator[str]:
    from advisor.record.column_meanings import meaning
    from advisor.record.file_columns import COSTS, FAILURES, KERNELS, QUALITY, SPEED

    yield (
        "Columns of measurement files ([the form](../measurements/README.md)). Where a column is marked `?`, "
        "an empty cell means that it is not known."
    )
    for table in (SPEED, QUALITY, FAILURES, COSTS, KERNELS):
        yield f"### `#quantadvise {table.kind}`"
        yield _table(
            ("column", "holds", "meaning"),
            [
                (f"`{name}{'?' if cell.endswith('?') else ''}`", cell.rstrip("?"), meaning(table.kind, name))
                for name, cell in table.columns
            ],
        )


def _gpus() -> Iterator[str]:
    from advisor.spec.hardware.catalog import known_gpus
    from advisor.spec.hardware.gpu_file import KEYS

    yield f"{', '.join(f'`{gpu.name}`' for gpu in known_gpus())}: `quantadvise gpus` has their figures."
    yield f"Keys of [one's own, in YAML](adding.md#a-gpu): {', '.join(f'`{key}`' for key in KEYS)}."


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(heads), "|" + "---|" * len(heads), *(line(row) for row in rows)])


if __name__ == "__main__":
    print(reference(), end="")
