"""The checkpoint a command loads and the kernels it gets, in a line or two."""

from __future__ import annotations

from advisor.spec.deployment import Deployment
from advisor.spec.engines.kernel_choice import KernelChoice
from advisor.spec.engines.model_starts import Start, starts_of
from advisor.spec.formats.checkpoint import Checkpoint

_SCHEMES = {
    "16bit": "16-bit weights",
    "fp8-channel": "FP8, scales per channel, activations per token",
    "fp8-tensor": "FP8, static scales per tensor",
    "fp8-block": "FP8 in blocks of 128x128",
    "fp8-a16": "FP8 weights, 16-bit activations",
    "int8": "INT8 weights and activations",
    "w4a16": "INT4 weights",
    "w8a16": "INT8 weights, 16-bit activations",
    "w4a8-fp8": "INT4 weights, FP8 activations",
    "nvfp4": "NVFP4",
    "nvfp4-a16": "NVFP4 weights, 16-bit activations",
    "mxfp4": "MXFP4",
    "mxfp8": "MXFP8",
    "mixed": "mixed FP8 and NVFP4 by layer",
}
_EVIDENCE = {
    "config": "its config was read",
    "card": "its card was read",
    "recipe": "as a published recipe describes it",
    "named": "only listed",
}


def start_words(start: Start) -> str:
    """`INT4 weights in groups of 128 (gptq), its card was read; kernel ExLlama in float16`."""
    return f"{_checkpoint(start.checkpoint)}; {_kernels(start.kernels)}"


def why_made(deployment: Deployment) -> str:
    """Why a checkpoint has to be made: none is published, or none of those published starts here."""
    candidates = starts_of(deployment.model).candidates(deployment.format.name)
    published = sum(c.published for c in candidates)
    if not published:
        return "No published checkpoint is known"
    if published == 1:
        return "The published checkpoint does not start here"
    return f"None of {published} published checkpoints starts here"


def passed_over(deployment: Deployment) -> str | None:
    """Why the checkpoint that comes first is not the one served: `REPO is not served: vLLM refuses …`; None
    where it is, or where another was asked for."""
    starts, format = starts_of(deployment.model), deployment.format.name
    first = next(iter(starts.candidates(format)), None)
    if first is None or not first.published or deployment.checkpoint is not None:
        return None
    if first.repo == deployment.start.checkpoint.repo:
        return None
    gpu, engine, split = deployment.gpu, deployment.engine, deployment.parallelism
    found = starts.start(format, gpu, engine, split, kv_format=deployment.kv_format, checkpoint=first)
    return None if found.kernels.starts else f"{first.repo} is not served: {found.kernels.why}"


def _checkpoint(c: Checkpoint) -> str:
    kind = c.kind
    words = [_SCHEMES.get(kind.scheme, kind.scheme)]
    if kind.group_size and kind.scheme in ("w4a16", "w8a16"):
        words.append(f"in groups of {kind.group_size}")
    if kind.packaging != "none":
        words.append(f"({kind.packaging}{' by its name' if c.kind_by_name else ''})")
    remarks = [
        "" if kind.symmetric else "asymmetric",
        "FP8 KV scales" if kind.kv_scheme else "",
        _EVIDENCE.get(c.evidence, ""),
    ]
    return ", ".join([" ".join(words), *(remark for remark in remarks if remark)])


def _kernels(k: KernelChoice) -> str:
    if k.kernel is None:
        return f"vLLM does not start it: {k.why}"
    dtype = " in float16" if k.dtype == "fp16" else ""
    experts = f", experts {k.experts}" if k.experts is not None else ""
    attention = f", attention {k.attention}" if k.attention else ""
    return f"kernel {k.kernel}{dtype}{experts}{attention}"
