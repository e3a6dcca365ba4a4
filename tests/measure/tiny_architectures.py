"""Make an untrained tiny model of another architecture or packaging. `tiny_architectures.py FOLDER KIND`

KIND is `moe` (Mixtral, four experts), `window` (Mistral, a sliding window of 64 tokens), or a packaging of a
Llama as its tools write it: `gptq`, `awq` (INT4 in groups of 128), `fp8` (a scale per tensor).
Runs in an environment with torch and transformers; no network.
"""
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import tiny_model

GROUP = 128
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
"""Which of eight neighbouring outputs stands in which four bits of a word."""
SHAPE: dict[str, Any] = {
    "vocab_size": tiny_model.VOCAB,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 2_048,
    "tie_word_embeddings": False,
}


def untrained(kind: str, tokenizer: Any) -> Any:
    """A model with random weights in BF16."""
    import torch
    from transformers import (
        LlamaConfig,
        LlamaForCausalLM,
        MistralConfig,
        MistralForCausalLM,
        MixtralConfig,
        MixtralForCausalLM,
    )

    torch.manual_seed(0)
    special = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    if kind == "moe":
        config = MixtralConfig(**SHAPE, **special, num_local_experts=4, num_experts_per_tok=2)
        return MixtralForCausalLM(config).to(torch.bfloat16)
    if kind == "window":
        return MistralForCausalLM(MistralConfig(**SHAPE, **special, sliding_window=64)).to(torch.bfloat16)
    return LlamaForCausalLM(LlamaConfig(**SHAPE, **special)).to(torch.bfloat16)


def packed(values: Any, order: tuple[int, ...] = tuple(range(8))) -> Any:
    """Eight four-bit values of the last axis in one int32 each."""
    import torch

    parts = values.reshape(*values.shape[:-1], -1, 8)[..., list(order)].to(torch.int64)
    words = sum(parts[..., at] << (4 * at) for at in range(8))
    return torch.where(words >= 2**31, words - 2**32, words).to(torch.int32)


def four_bits(weight: Any) -> tuple[Any, Any]:
    """(values 0..15 with 8 for zero, scales by group), both with the input as their first axis."""
    import torch

    columns = weight.float().t().contiguous()
    groups = columns.reshape(-1, GROUP, columns.shape[1])
    scales = groups.abs().amax(dim=1).clamp(min=1e-6) / 7.0
    values = torch.round(groups / scales[:, None]).clamp(-8, 7) + 8
    return values.reshape(columns.shape), scales


def gptq(name: str, weight: Any) -> dict[str, Any]:
    """A layer as GPTQ's tools write it: eight inputs to a word, zeros less one."""
    import torch

    values, scales = four_bits(weight)
    zeros = torch.full((scales.shape[0], scales.shape[1]), 7)
    return {
        f"{name}.qweight": packed(values.t()).t().contiguous(),
        f"{name}.qzeros": packed(zeros),
        f"{name}.scales": scales.half(),
        f"{name}.g_idx": torch.arange(values.shape[0], dtype=torch.int32) // GROUP,
    }


def awq(name: str, weight: Any) -> dict[str, Any]:
    """A layer as AWQ's tools write it: eight outputs to a word, in their own order."""
    import torch

    values, scales = four_bits(weight)
    zeros = torch.full((scales.shape[0], scales.shape[1]), 8)
    return {
        f"{name}.qweight": packed(values, AWQ_ORDER),
        f"{name}.qzeros": packed(zeros, AWQ_ORDER),
        f"{name}.scales": scales.half(),
    }


def fp8(name: str, weight: Any) -> dict[str, Any]:
    """A layer in E4M3 with one scale."""
    import torch

    scale = weight.float().abs().amax() / 448.0
    return {
        f"{name}.weight": (weight.float() / scale).to(torch.float8_e4m3fn),
        f"{name}.weight_scale": scale.reshape(1),
    }


PACKAGINGS: dict[str, tuple[Any, dict[str, Any]]] = {
    "gptq": (
        gptq,
        {"quant_method": "gptq", "bits": 4, "group_size": GROUP, "desc_act": False, "sym": True}
        | {"checkpoint_format": "gptq", "lm_head": False},
    ),
    "awq": (
        awq,
        {"quant_method": "awq", "bits": 4, "group_size": GROUP, "zero_point": True, "version": "gemm"},
    ),
    "fp8": (fp8, {"quant_method": "fp8", "activation_scheme": "dynamic", "ignored_layers": ["lm_head"]}),
}


def packaged(model: Any, kind: str, folder: Path) -> None:
    """The model's linear layers in a packaging, the rest as it is."""
    from safetensors.torch import save_file

    pack, config = PACKAGINGS[kind]
    tensors: dict[str, Any] = {}
    for name, value in model.state_dict().items():
        layer, _, part = name.rpartition(".")
        if part == "weight" and ".layers." in name and value.dim() == 2:
            tensors |= pack(layer, value)
        else:
            tensors[name] = value.half() if kind in ("gptq", "awq") else value
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / "model.safetensors")
    path = folder / "config.json"
    row = json.loads(path.read_text())
    row["quantization_config"] = config
    row["torch_dtype"] = row["dtype"] = "float16" if kind in ("gptq", "awq") else "bfloat16"
    path.write_text(json.dumps(row, indent=1))


def main(folder: Path, kind: str) -> None:
    """The model with its tokenizer in `folder`."""
    import random

    draw = random.Random(0)
    tokenizer = tiny_model.tokenizer_of(
        [tiny_model.page(tiny_model.world(draw), draw, 16) for _ in range(200)]
    )
    model = untrained(kind, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if kind in PACKAGINGS:
        packaged(model, kind, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
