"""`quantadvise models`, `gpus`, `formats`: what is known by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import typer

from advisor.cli import options as o
from advisor.errors import unknown

Pattern = Annotated[
    str, typer.Argument(metavar="WORD", help="Only names that contain this text; list shows all.")
]


def models(
    pattern: Pattern = "",
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
    show(rows, output, "models")


def gpus(
    pattern: Pattern = "",
    output: o.OutputOption = o.Output.table,
) -> None:
    """The GPUs known by name, with what their data sheets say."""
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
        }
        for gpu in known_gpus()
        if gpu.name in names
    ]
    show(rows, output, "gpus")


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
    show(rows, output, "formats")


def _matching(names: Iterable[str], pattern: str, what: str) -> list[str]:
    """The names that contain `pattern`; all of them for `list`. Raises UnknownNameError where none does."""
    names = list(names)
    found = (
        names if pattern.lower() in ("list", "all") else [n for n in names if pattern.lower() in n.lower()]
    )
    if not found:
        raise unknown(what, pattern, names, otherwise=f"quantadvise {what.lower()}s lists all {len(names)}")
    return found


def show(rows: Sequence[Mapping[str, object]], output: o.Output, name: str) -> None:
    from advisor.report.terminal import out

    if output is o.Output.table:
        heads = [head.replace("_", " ") for head in rows[0]] if rows else [name]
        out.print_listing(heads, [tuple(_text(value) for value in row.values()) for row in rows])
    elif output is o.Output.csv:
        out.print_rows(rows)
    else:
        out.print_document({name: [dict(row) for row in rows]}, output.value)


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,.10g}"
