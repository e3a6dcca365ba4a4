"""KernelChoice: which kernels a checkpoint gets on a GPU, a release and a split, or why it does not start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from advisor.spec.engines.activation_dtype import Dtype, dtypes_of
from advisor.spec.engines.kernel_by_matrix_size import heaviest, suits
from advisor.spec.engines.model_shapes import ModelShapes
from advisor.spec.engines.sharding import FORMAT_RULES, covered, heads_text, misfit
from advisor.spec.engines.start_table import (
    Row,
    StartTable,
    cited,
    fits_gpu,
    kernels_on,
    methods_of,
    split_rules,
    table_at,
)
from advisor.spec.formats.checkpoint import CheckpointKind
from advisor.spec.formats.format import ExecutionKind
from advisor.spec.hardware.gpu import ComputeType, GpuSpec
from advisor.spec.parallelism import Parallelism

Rule = Literal["build", "packaging", "dtype", "split", "kernel", "experts", "attention", "kv", "model"]
KvFormat = Literal["16bit", "fp8"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelChoice:
    """What runs, where it was read; or which rule refuses it, and in what words."""

    kernel: str | None = None
    """Kernel of the quantized dense matrices (by weight); None = it does not start."""
    runs: ExecutionKind | None = None
    """native: multiplies in its own type. weight_only: unpacks to 16 bits first."""
    compute: ComputeType | None = None
    family: str = ""
    """The list the kernel was chosen from: fp8, fp8-block, wna16, nvfp4, … as in starts.yaml."""
    experts: str | None = None
    """Kernel of the routed experts; None = a dense model."""
    experts_run: ExecutionKind | None = None
    attention: str = ""
    """Attention backend."""
    dtype: Dtype = "bf16"
    expert_parallel: bool = False
    """True: it starts only with --enable-expert-parallel."""
    source: str = ""
    refused_by: Rule | None = None
    why: str = ""
    """Why it does not start: one clause, without the release."""
    by_format: bool = False
    """True: another format of the model would start on the same GPUs."""

    @property
    def starts(self) -> bool:
        return self.refused_by is None


_BUILDS = {"amd": "ROCm", "intel": "XPU"}
"""What vLLM calls the builds for a vendor's GPUs whose quantization methods it lists."""


def refusal(rule: Rule, why: str, source: str, *, by_format: bool = False) -> KernelChoice:
    return KernelChoice(refused_by=rule, why=why, source=source, by_format=by_format)


def kernel_choice(
    shapes: ModelShapes,
    kind: CheckpointKind,
    gpu: GpuSpec,
    version: str,
    split: Parallelism,
    *,
    kv_format: KvFormat = "16bit",
    format_name: str = "",
) -> KernelChoice:
    """What vLLM `version` runs for the checkpoint on `gpu`, or why it does not start.

    Where only the experts' blocks or groups do not divide, the choice is of expert parallelism.
    """
    table = table_at(version)
    if (refused := _build(table, gpu)) is not None:
        return refused
    dtypes, why, source = dtypes_of(table, shapes, gpu, format_name=format_name)
    if not dtypes:
        return refusal("dtype", why, source)
    methods = _methods(table, version, kind, gpu)
    if isinstance(methods, KernelChoice):
        return methods
    rules = split_rules(version, kind.packaging, kind.scheme)
    broken = misfit(rules, shapes, kind, split)
    if broken is not None and broken.experts and not split.expert and shapes.experts:
        whole = Parallelism(
            tensor=split.tensor, pipeline=split.pipeline, data=split.data, expert=True, nodes=split.nodes
        )
        if misfit(rules, shapes, kind, whole) is None:
            split, broken = whole, None
    if broken is not None:
        formats = any(r["rule"] in FORMAT_RULES and cited(r) == broken.source for r in rules)
        words = f"{broken.why} (it has {heads_text(shapes)})" if not formats else broken.why
        return refusal("split", words, broken.source, by_format=formats or broken.experts)
    attention = _attention(table, shapes, gpu, kv_format)
    if isinstance(attention, KernelChoice):
        return attention
    return _kernels(version, methods, dtypes, shapes, kind, gpu, split, attention)


def _build(table: StartTable, gpu: GpuSpec) -> KernelChoice | None:
    own = [row for row in table.builds if row["vendor"] == gpu.vendor]
    if any(row["min"] <= gpu.capability for row in own):
        return None
    least = min((row["min"] for row in own), default=0.0)
    source = cited(own[0]) if own else ""
    return refusal(
        "build",
        f"its published builds need capability {least:.1f}, the GPU has {gpu.capability:.1f}",
        source,
    )


def _methods(table: StartTable, version: str, kind: CheckpointKind, gpu: GpuSpec) -> list[Row] | KernelChoice:
    """The rows by which the checkpoint can be loaded on the GPU, in vLLM's order."""
    listed = [row for row in table.platform_names if row["vendor"] == gpu.vendor]
    if listed and not any(_names(row, kind) for row in listed):
        return refusal(
            "packaging",
            f"{_BUILDS[gpu.vendor]} builds do not take {kind.packaging} {kind.scheme} checkpoints",
            cited(listed[0]),
            by_format=True,
        )
    gone = next((row for row in table.names_gone if row["name"] == kind.packaging), None)
    if gone is not None:
        words = "deprecated" if gone.get("deprecated") else "gone"
        return refusal("packaging", f"the method {kind.packaging} is {words}", cited(gone), by_format=True)
    own = methods_of(version, kind.packaging, kind.scheme)
    found: list[Row] = []
    for row in own:
        if not fits_gpu(row, gpu, any_vendor=True) or not suits(row, kind):
            continue
        if "refuse" in row:
            if not found:
                return refusal("packaging", row["refuse"], cited(row), by_format=True)
            continue
        found.append(row)
    if found:
        return found
    what = f"{kind.packaging} {kind.scheme}" if kind.packaging != "none" else kind.scheme
    if not own:
        return refusal("packaging", f"it does not load {what} checkpoints", "", by_format=True)
    return refusal("packaging", _least(own, kind, gpu, what), cited(own[0]), by_format=True)


def _least(own: Sequence[Row], kind: CheckpointKind, gpu: GpuSpec, what: str) -> str:
    """What a GPU or a checkpoint lacks for all of `own`."""
    reach = [row for row in own if fits_gpu(row, gpu, any_vendor=True)]
    if reach:
        return f"it does not load {what} checkpoints with {_traits(kind)}"
    least = min(row.get("min", 0.0) for row in own)
    most = max(row.get("max", 99.0) for row in own)
    if gpu.capability < least:
        return f"{what} checkpoints need capability {least:.1f}, the GPU has {gpu.capability:.1f}"
    return f"{what} checkpoints run up to capability {most:.1f} only, the GPU has {gpu.capability:.1f}"


def _traits(kind: CheckpointKind) -> str:
    group = "no groups" if kind.group_size is None else f"groups of {kind.group_size}"
    return f"{group}{'' if kind.symmetric else ', asymmetric'}{', act order' if kind.act_order else ''}"


def _names(row: Row, kind: CheckpointKind) -> bool:
    return kind.packaging in row["names"] and kind.scheme in row.get("schemes", (kind.scheme,))


def _attention(
    table: StartTable, shapes: ModelShapes, gpu: GpuSpec, kv_format: KvFormat
) -> str | KernelChoice:
    """The backend that takes every attention layer and the cache's type."""
    if not shapes.is_mla and not shapes.head_sizes:
        return ""
    refused: Row | None = None
    for row in table.attention:
        if bool(row.get("mla")) != shapes.is_mla or not fits_gpu(row, gpu):
            continue
        heads = row.get("heads")
        if heads is not None and any(size not in heads for size in shapes.head_sizes):
            continue
        if any(size < row.get("min_head", 0) for size in shapes.head_sizes):
            continue
        if shapes.sinks and row.get("sinks") is False:
            continue
        if kv_format in row["kv"]:
            return str(row["backend"])
        refused = row
    sizes = "/".join(map(str, shapes.head_sizes)) or "latent"
    cache = "an FP8 KV cache" if kv_format == "fp8" else "attention"
    sinks = " and attention sinks" if shapes.sinks else ""
    return refusal(
        "kv" if kv_format == "fp8" else "attention",
        f"no attention backend takes {cache} of head size {sizes}{sinks} at capability {gpu.capability:g}",
        "" if refused is None else cited(refused),
    )


def _kernels(
    version: str,
    methods: Sequence[Row],
    dtypes: Sequence[Dtype],
    shapes: ModelShapes,
    kind: CheckpointKind,
    gpu: GpuSpec,
    split: Parallelism,
    attention: str,
) -> KernelChoice:
    last: KernelChoice | None = None
    for dtype in dtypes:
        for method in methods:
            if dtype not in method.get("dtypes", (dtype,)):
                continue
            tried = _by_method(version, method, dtype, shapes, kind, gpu, split, attention)
            if tried.starts:
                return tried
            last = last or tried
    if last is not None:
        return last
    names = {"bf16": "bfloat16", "fp16": "float16"}
    takes = ", ".join(names.get(dtype, dtype) for dtype in methods[0]["dtypes"])
    only = " or ".join(names[dtype] for dtype in dtypes)
    return refusal(
        "dtype",
        f"{kind.packaging} {kind.scheme} runs in {takes} only, the model on this GPU in {only}",
        cited(methods[0]),
        by_format=True,
    )


def _by_method(
    version: str,
    method: Row,
    dtype: Dtype,
    shapes: ModelShapes,
    kind: CheckpointKind,
    gpu: GpuSpec,
    split: Parallelism,
    attention: str,
) -> KernelChoice:
    family = method["kernels"]
    chosen: list[Row | None] = []
    for is_expert in (False, True):
        if is_expert and not shapes.experts:
            chosen.append(None)
            continue
        usable = kernels_on(version, family, gpu.vendor, gpu.capability, experts=is_expert)
        matrices = [m for m in covered(shapes, kind) if (m.part == "experts") == is_expert]
        row = heaviest(usable, matrices, dtype, shapes, kind, split)
        if isinstance(row, str):
            where = "the experts" if is_expert else "the linear layers"
            option = _behind_option(version, family, gpu)
            why = f"no kernel takes {where} in {kind.packaging} {kind.scheme}{row}{option}"
            return refusal("experts" if is_expert else "kernel", why, cited(method), by_format=True)
        if row["runs"] == "emulation":
            return refusal(
                "kernel",
                f"vLLM only emulates {kind.scheme} there ({row['kernel']})",
                cited(row),
                by_format=True,
            )
        chosen.append(row)
    dense, experts = chosen
    assert dense is not None, "the dense list gives a row or a text"
    return KernelChoice(
        kernel=str(dense["kernel"]),
        runs=dense["runs"],
        compute=_compute(dense, dtype),
        family=family,
        experts=None if experts is None else str(experts["kernel"]),
        experts_run=None if experts is None else experts["runs"],
        attention=attention,
        dtype=dtype,
        expert_parallel=split.expert,
        source=cited(dense),
    )


def _behind_option(version: str, family: str, gpu: GpuSpec) -> str:
    """What a kernel that is off by default would need."""
    rows = table_at(version).kernels.get(family, ())
    option = next((r["needs"] for r in rows if "option" in r and fits_gpu(r, gpu)), None)
    return "" if option is None else f" without {option}"


def _compute(row: Row, dtype: Dtype) -> ComputeType:
    compute: ComputeType = dtype if row["compute"] == "16bit" else row["compute"]
    return compute
