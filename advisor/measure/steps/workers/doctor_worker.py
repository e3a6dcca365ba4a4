"""What this device can do, by the smallest example of each. `doctor_worker.py KIND DEVICE RESULT.json`

KIND is `kernels` (PyTorch alone), `vllm` (a tiny model with dummy weights through the engine) or `formats`
(the same model in every format and packaging, in this process). Imports nothing of ours. Each check is a
row: what, whether it works (null = not known), detail. Writes after every check, so that a crash of the
process leaves the rows before it.
"""
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import logging
import os
import re
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any

ENGINE = "vLLM engine"
"""The check of the engine as it is served."""
IN_VLLM = " in vLLM"
"""End of a format's check."""
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
PRESETS = {
    "fp8": ("FP8_DYNAMIC", "float-quantized"),
    "int8": ("W8A8", "int-quantized"),
    "int4": ("W4A16", "pack-quantized"),
    "int8-w8a16": ("W8A16", "pack-quantized"),
    "w4a8-fp8": ("W4AFP8", "pack-quantized"),
    "nvfp4": ("NVFP4", "nvfp4-pack-quantized"),
    "mxfp4": ("MXFP4", "mxfp4-pack-quantized"),
}
"""What a format's recipe makes: preset and storage of compressed-tensors."""
PACKAGINGS: dict[str, dict[str, Any]] = {
    "fp8 (vLLM's own packaging)": {
        "quant_method": "fp8",
        "activation_scheme": "dynamic",
        "ignored_layers": ["lm_head"],
    },
    "int4 (GPTQ)": {
        "quant_method": "gptq",
        "bits": 4,
        "group_size": 128,
        "desc_act": False,
        "sym": True,
        "checkpoint_format": "gptq",
        "lm_head": False,
    },
    "int4 (AWQ)": {
        "quant_method": "awq",
        "bits": 4,
        "group_size": 128,
        "zero_point": True,
        "version": "gemm",
    },
}
"""The quantization_config of other packagings, as their tools write it."""


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
            said = " ".join(str(error).split())
            row = (False, f"{type(error).__name__}: {said}"[:400] if said else type(error).__name__)
        self.rows.pop()
        self.add(what, *row)

    def add(self, what: str, works: bool | None, detail: str) -> None:
        self.rows.append({"what": what, "works": works, "detail": detail})
        unfinished = f"{self.path}.partial"
        with open(unfinished, "w", encoding="utf-8") as file:
            json.dump(self.rows, file)
        os.replace(unfinished, self.path)


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
    """A tiny model with dummy weights through the engine as it is served: processes and all."""

    def generate() -> str:
        _generate(TINY, gpu_memory_utilization=0.3)
        return "a tiny Llama gave 8 tokens"

    rows.check(ENGINE, generate)


def formats(rows: Rows) -> None:
    """The tiny model in every format: vLLM chooses the kernels, and they run.

    In this process and with a small KV cache, so that a format takes seconds and its error is the cause.
    """
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    for name, (preset, storage) in PRESETS.items():
        rows.check(f"{name}{IN_VLLM}", partial(_serve, partial(_config, preset, storage)))
    for name, config in PACKAGINGS.items():
        rows.check(f"{name}{IN_VLLM}", partial(_serve, partial(dict, config)))


def _config(preset: str, storage: str) -> dict[str, Any]:
    """The quantization_config that compressed-tensors writes for a preset."""
    from compressed_tensors.quantization import QuantizationConfig, preset_name_to_scheme

    made = QuantizationConfig(
        config_groups={"group_0": preset_name_to_scheme(preset, ["Linear"])},
        format=storage,
        ignore=["lm_head"],
        quantization_status="compressed",
    )
    return {**json.loads(made.model_dump_json(exclude_none=True)), "quant_method": "compressed-tensors"}


class Kernels:
    """The kernels that vLLM names in its log while a block runs.

    Every record is made by the factory. A handler would miss the first format: vLLM sets the handlers of its
    logger anew when its first engine starts.
    """

    def __init__(self) -> None:
        self.names: list[str] = []

    def __enter__(self) -> Kernels:
        self._made = logging.getLogRecordFactory()
        logging.setLogRecordFactory(self._record)
        return self

    def __exit__(self, *_: object) -> None:
        logging.setLogRecordFactory(self._made)

    def _record(self, *args: Any, **more: Any) -> logging.LogRecord:
        record = self._made(*args, **more)
        found = re.match(r"(?:Selected|Using) (\w*Kernel)\b", record.getMessage())
        if found and found[1] not in self.names:
            self.names.append(found[1])
        return record


def _serve(made: Callable[[], dict[str, Any]]) -> str:
    """What vLLM ran a quantized tiny model with. Raises what vLLM raises."""
    import gc

    config = made()
    # GPTQ and AWQ multiply in FP16, and AWQ's oldest kernels in nothing else.
    dtype = "float16" if config["quant_method"] in ("gptq", "awq") else TINY["torch_dtype"]
    with Kernels() as kernels:
        try:
            _generate(
                {**TINY, "torch_dtype": dtype, "quantization_config": config},
                gpu_memory_utilization=0.05,
                kv_cache_memory_bytes=64 << 20,
                distributed_executor_backend="uni",
            )
        finally:
            gc.collect()
    return f"a tiny Llama gave 8 tokens{' with ' + ', '.join(kernels.names) if kernels.names else ''}"


def _generate(config: dict[str, Any], **options: Any) -> None:
    """Load a model with dummy weights and ask it for eight tokens. Raises where that fails."""
    from vllm import LLM, SamplingParams

    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
        model = LLM(
            model=folder,
            skip_tokenizer_init=True,
            load_format="dummy",
            max_model_len=128,
            max_num_seqs=4,
            enforce_eager=True,
            **options,
        )
        sampling = SamplingParams(max_tokens=8, ignore_eos=True, detokenize=False)
        found = model.generate([{"prompt_token_ids": list(range(10, 42))}], sampling, use_tqdm=False)
        count = len(found[0].outputs[0].token_ids)
        if count != 8:
            raise ValueError(f"{count} tokens in place of 8")


if __name__ == "__main__":
    into = Rows(sys.argv[3])
    if sys.argv[1] == "vllm":
        engine(into)
    elif sys.argv[1] == "formats":
        formats(into)
    else:
        kernels(into, sys.argv[2])
