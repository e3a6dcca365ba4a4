"""`quantadvise models`, `gpus`, `formats`: what is known by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import typer

from advisor.cli import options as o
from advisor.errors import InputError, unknown

Pattern = Annotated[
    list[str] | None,
    typer.Argument(metavar="WORD", help="Show only names that contain this text; all by default."),
]
MODEL_HEADS = {
    "name": "model",
    "params_b": "parameters, 10⁹",
    "active_params_b": "active, 10⁹",
    "max_context": "context, tokens",
    "kv_bytes_per_token": "KV, bytes/token",
    "native_format": "format",
    "layers": "layers",
    "hidden": "hidden size",
    "hf_id": "Hugging Face id",
}
GPU_HEADS = {
    "name": "GPU",
    "memory_gib": "memory, GiB",
    "bandwidth_gb_s": "bandwidth, GB/s",
    "fp16_tflops": "FP16, TFLOPS",
    "fp8_tflops": "FP8, TFLOPS",
    "int8_tflops": "INT8, TOPS",
    "fp4_tflops": "FP4, TFLOPS",
    "power_w": "power, W",
    "link": "link per direction",
    "bf16_tflops": "BF16, TFLOPS",
    "architecture": "architecture",
    "capability": "capability",
}
FORMAT_HEADS = {
    "name": "format",
    "bits_per_weight": "bits/weight",
    "activation_bits": "activation bits",
    "native_on": "native on, GPUs",
    "weight_only_on": "weight-only on, GPUs",
    "title": "what it is",
    "also": "also called",
}
"""Heads of the tables for people, with units; the columns that matter most come first."""


def models(
    pattern: Pattern = None,
    output: o.OutputOption = o.Output.table,
) -> None:
    """The models known by name; any other by folder, config.json, Hub id or --params."""
    from advisor.spec.models.catalog import find_model, known_models

    names = _matching(known_models(), pattern, "model")
    wanted = [find_model(name) for name in names]
    rows = [
        {
            "name": model.name,
            "params_b": round(model.total_params / 1e9, 3),
            "active_params_b": round(model.active_params / 1e9, 3),
            "layers": model.layers,
            "hidden": model.hidden,
            "max_context": model.max_context,
            "kv_bytes_per_token": model.kv_bytes_per_token(16),
            "native_format": model.native_format or "bf16",
            "hf_id": model.hf_id,
        }
        for model in wanted
    ]
    show(rows, output, "models", MODEL_HEADS)


def gpus(
    pattern: Pattern = None,
    output: o.OutputOption = o.Output.table,
) -> None:
    """The GPUs known by name, with what their data sheets say; rates are dense."""
    from advisor.spec.hardware.catalog import known_gpus

    names = set(_matching([gpu.name for gpu in known_gpus()], pattern, "GPU"))
    rows = [
        {
            "name": gpu.name,
            "memory_gib": round(gpu.memory_mib / 1024, 1),
            "bandwidth_gb_s": gpu.memory_bandwidth_gb_s,
            **{f"{kind}_tflops": rate for kind, rate in gpu.dense_tflops.items()},
            "link": f"{gpu.interconnect.kind} {gpu.interconnect.gb_s_per_direction:g} GB/s",
            "architecture": gpu.architecture,
            "capability": gpu.capability,
            "power_w": gpu.power_w,
        }
        for gpu in known_gpus()
        if gpu.name in names
    ]
    show(rows, output, "gpus", GPU_HEADS)


def formats(output: o.OutputOption = o.Output.table) -> None:
    """The quantization formats, and on how many of the known GPUs each runs."""
    from advisor.spec.formats.catalog import known_formats
    from advisor.spec.hardware.catalog import known_gpus

    rows = []
    for fmt in known_formats():
        runs = [execution for gpu in known_gpus() if (execution := fmt.execution(gpu)) is not None]
        native = sum(execution.kind == "native" for execution in runs)
        rows.append(
            {
                "name": fmt.name,
                "title": fmt.title,
                "bits_per_weight": fmt.bits_per_weight,
                "activation_bits": fmt.activation_bits,
                "native_on": native,
                "weight_only_on": len(runs) - native,
                "also": ", ".join(fmt.aliases),
            }
        )
    show(rows, output, "formats", FORMAT_HEADS)


def _matching(names: Iterable[str], words: list[str] | None, what: str) -> list[str]:
    """The names that contain the words after `list` or `show`; all of them without.

    Raises UnknownNameError where none does.
    """
    names, given = list(names), list(words or ())
    if given and given[0].lower() in ("list", "show", "all"):
        given = given[1:]
    if any(not word.strip() for word in given):
        raise InputError(f"{what}: the name is empty; leave it out to list all")
    pattern = " ".join(given)
    found = [name for name in names if all(word.lower() in name.lower() for word in given)]
    if not found:
        raise unknown(what, pattern, names, otherwise=f"quantadvise {what.lower()}s lists all {len(names)}")
    return found


def show(
    rows: Sequence[Mapping[str, object]],
    output: o.Output,
    name: str,
    heads: Mapping[str, str] | None = None,
) -> None:
    """A listing in one of the forms; heads: of its columns for people, the keys as words by default."""
    from advisor.report.terminal import print_answer
    from advisor.report.terminal.text_table import Column

    if output is o.Output.table:
        heads = heads or {key: key.replace("_", " ") for row in rows[:1] for key in row}
        columns = [
            Column(
                head,
                [_text(row[key], version=key == "capability") for row in rows],
                right=all(isinstance(row[key], (int, float)) or row[key] is None for row in rows),
                keep=place == 0,
            )
            for place, (key, head) in enumerate(heads.items())
        ]
        print_answer.print_columns(columns, more="--output csv has every column")
    elif output is o.Output.csv:
        print_answer.print_rows(rows)
    else:
        print_answer.print_document({name: [dict(row) for row in rows]}, output.value)


def _text(value: object, *, version: bool = False) -> str:
    """version: a number that is none, `9.0`."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    text = f"{value:,.10g}"
    return f"{text}.0" if version and "." not in text else text
