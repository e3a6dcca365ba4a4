"""What this device can do, by the smallest example of each. `doctor_worker.py KIND DEVICE RESULT.json`

KIND is `kernels` (PyTorch alone) or `vllm` (a tiny model with dummy weights through the engine). Imports
nothing of ours. Each check is a row: what, whether it works (null = not known), detail. Writes after every
check, so that a crash of the process leaves the rows before it.
"""
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from typing import Any

SIZE = 256
TINY = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "vocab_size": 1024,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5,
    "hidden_act": "silu",
    "torch_dtype": "bfloat16",
    "bos_token_id": 1,
    "eos_token_id": 2,
}
"""The smallest Llama that every attention kernel of vLLM takes (heads of 64)."""


class Rows:
    """The checks so far, on disk after each."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []

    def check(self, what: str, call: Callable[[], Any]) -> None:
        """Run one check; what it returns is the detail, an error is one that does not work."""
        self.add(what, None, "the process ended here")
        try:
            row = (True, str(call()))
        except Exception as error:
            lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
            row = (False, f"{type(error).__name__}: {lines[0]}"[:300])
        self.rows.pop()
        self.add(what, *row)

    def add(self, what: str, works: bool | None, detail: str) -> None:
        self.rows.append({"what": what, "works": works, "detail": detail})
        partial = f"{self.path}.partial"
        with open(partial, "w", encoding="utf-8") as file:
            json.dump(self.rows, file)
        os.replace(partial, self.path)


def _agree(result: Any, expected: Any, tolerance: float) -> str:
    """The largest relative error of a product. Raises ValueError where it is no product of the two."""
    error = float((result.float() - expected).abs().max() / expected.abs().max())
    if not error <= tolerance:
        raise ValueError(f"wrong product: off by {error:.3g} of the largest entry, allowed {tolerance:g}")
    return f"off by {error:.2g} of the largest entry"


def kernels(rows: Rows, device: str) -> None:
    """A matrix product per number format, memory, and a collective."""
    import torch

    rows.add("torch", True, f"{torch.__version__}, CUDA {torch.version.cuda or 'none'}")
    if device == "cuda":
        rows.check("device", lambda: _device(torch))
    torch.manual_seed(0)
    left, right = torch.randn(SIZE, SIZE, device=device), torch.randn(SIZE, SIZE, device=device)
    exact = left @ right

    def sixteen() -> str:
        return _agree(left.bfloat16() @ right.bfloat16(), exact, 0.03)

    def int8() -> str:
        scale_l, scale_r = left.abs().max() / 127, right.abs().max() / 127
        one, other = (left / scale_l).round().to(torch.int8), (right / scale_r).round().to(torch.int8)
        return _agree(torch._int_mm(one, other).float() * scale_l * scale_r, exact, 0.1)

    def fp8() -> str:
        kind = torch.float8_e4m3fn
        scale_l, scale_r = left.abs().max() / 448, right.abs().max() / 448
        one = (left / scale_l).to(kind)
        other = (right / scale_r).t().contiguous().to(kind).t()
        product = torch._scaled_mm(one, other, scale_a=scale_l, scale_b=scale_r, out_dtype=torch.bfloat16)
        return _agree(product, exact, 0.2)

    rows.check("bf16 product", sixteen)
    rows.check("int8 product", int8)
    rows.check("fp8 product", fp8)
    rows.check("collective", lambda: _collective(torch, device))


def _device(torch: Any) -> str:
    free, total = torch.cuda.mem_get_info()
    major, minor = torch.cuda.get_device_capability()
    name = torch.cuda.get_device_name()
    return f"{name}, capability {major}.{minor}, {free >> 20:,} of {total >> 20:,} MiB free"


def _collective(torch: Any, device: str) -> str:
    """An all-reduce of one process: the library loads and starts."""
    backend = "nccl" if device == "cuda" else "gloo"
    with tempfile.TemporaryDirectory() as folder:
        torch.distributed.init_process_group(
            backend, init_method=f"file://{folder}/store", rank=0, world_size=1
        )
        one = torch.ones(4, device=device)
        torch.distributed.all_reduce(one)
        torch.distributed.destroy_process_group()
    version = ".".join(map(str, torch.cuda.nccl.version())) if device == "cuda" else ""
    return f"{backend} {version}".strip()


def engine(rows: Rows) -> None:
    """A tiny model with dummy weights: loaded, and asked for eight tokens."""

    def generate() -> str:
        from vllm import LLM, SamplingParams

        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
                json.dump(TINY, file)
            model = LLM(
                model=folder,
                skip_tokenizer_init=True,
                load_format="dummy",
                max_model_len=128,
                max_num_seqs=4,
                enforce_eager=True,
                gpu_memory_utilization=0.3,
            )
            options = SamplingParams(max_tokens=8, ignore_eos=True, detokenize=False)
            found = model.generate([{"prompt_token_ids": list(range(10, 42))}], options, use_tqdm=False)
            count = len(found[0].outputs[0].token_ids)
            if count != 8:
                raise ValueError(f"{count} tokens in place of 8")
        return "a tiny Llama gave 8 tokens"

    rows.check("vLLM engine", generate)


if __name__ == "__main__":
    if sys.argv[1] == "vllm":
        engine(Rows(sys.argv[3]))
    else:
        kernels(Rows(sys.argv[3]), sys.argv[2])
