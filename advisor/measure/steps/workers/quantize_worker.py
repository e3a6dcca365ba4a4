"""Make one compressed-tensors checkpoint with llm-compressor. `quantize_worker.py SPEC.json [MODEL]`

Runs in llm-compressor's environment and imports nothing of ours. SPEC is what `quantize.spec` writes; MODEL
is where the model stands on this machine, if elsewhere than SPEC says. The
parent decides everything; this script only carries it out, one checkpoint per process.
"""
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from typing import Any


def calibration_rows(data: dict[str, Any], tokenizer: Any, vocab: int) -> list[dict[str, list[int]]]:
    """Token ids of the calibration sequences."""
    samples, length, seed = data["samples"], data["length"], data["seed"]
    if data["kind"] == "random":
        draw = random.Random(seed)
        return [{"input_ids": [draw.randrange(vocab) for _ in range(length)]} for _ in range(samples)]
    if data["kind"] == "hub":
        from datasets import load_dataset

        rows = load_dataset(data["name"], split=data["split"]).shuffle(seed=seed)
        rows = rows.select(range(min(samples, len(rows))))
    else:
        with open(data["path"], encoding="utf-8") as file:
            rows = [json.loads(line) for line in file if line.strip()]
    ids = []
    for row in rows:
        text, special = text_of(dict(row), tokenizer)
        found = tokenizer(text, max_length=length, truncation=True, add_special_tokens=special)["input_ids"]
        if found:
            ids.append({"input_ids": list(found)})
    return ids


def text_of(row: dict[str, Any], tokenizer: Any) -> tuple[str, bool]:
    """A row as the model would see it, and whether the tokenizer still has to add its special tokens."""
    messages = row.get("messages") or row.get("conversations")
    if messages is None and row.get("instruction") is not None:
        asked = "\n".join(part for part in (row["instruction"], row.get("input")) if part)
        messages = [{"role": "user", "content": asked}]
        messages.append({"role": "assistant", "content": row.get("output") or ""})
    if messages is None:
        text = row.get("text") or row.get("prompt") or row.get("content")
        if not isinstance(text, str):
            raise SystemExit(
                f"ValueError: calibration row has none of messages, instruction, text: {list(row)}"
            )
        return text, True
    names = {"human": "user", "gpt": "assistant"}
    messages = [
        {
            "role": names.get(m.get("role") or m.get("from"), m.get("role") or m.get("from")),
            "content": m.get("content") or m.get("value") or "",
        }
        for m in messages
    ]
    if tokenizer.chat_template is None:
        return "\n".join(m["content"] for m in messages), True
    return tokenizer.apply_chat_template(messages, tokenize=False), False


def modifiers(spec: dict[str, Any]) -> list[Any]:
    """llm-compressor's modifiers for the recipe."""
    from compressed_tensors.quantization import QuantizationArgs, preset_name_to_scheme
    from llmcompressor.modifiers.gptq import GPTQModifier
    from llmcompressor.modifiers.quantization import QuantizationModifier
    from llmcompressor.modifiers.transform.awq import AWQModifier
    from llmcompressor.modifiers.transform.smoothquant import SmoothQuantModifier

    made: list[Any] = []
    for part in spec["modifiers"]:
        options = dict(part["options"])
        if part["kind"] == "smoothquant":
            made.append(SmoothQuantModifier(**options))
            continue
        if part["kind"] == "awq":
            made.append(AWQModifier(**options))
            continue
        scheme = preset_name_to_scheme(part["scheme"], ["Linear"])
        for key, value in part["weights"].items():
            setattr(scheme.weights, key, value)
        if spec["kv_fp8"]:
            options["kv_cache_scheme"] = QuantizationArgs(
                num_bits=8, type="float", strategy="tensor", dynamic=False, symmetric=True
            )
        kind = GPTQModifier if part["kind"] == "gptq" else QuantizationModifier
        made.append(kind(config_groups={"group_0": scheme}, ignore=spec["ignore"], **options))
    return made


def main(spec: dict[str, Any]) -> None:
    """Load, quantize, save."""
    import torch
    from datasets import Dataset
    from llmcompressor import oneshot
    from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

    set_seed(spec["seed"])
    if not torch.accelerator.is_available():
        # AWQ and GPTQ pin their caches; a CPU-only torch refuses to (llm-compressor 0.14).
        from llmcompressor.pipelines.cache import IntermediatesCache

        IntermediatesCache.pin_memory = lambda self, *args, **options: None

    tokenizer = AutoTokenizer.from_pretrained(spec["model"], revision=spec["revision"])
    model = AutoModelForCausalLM.from_pretrained(spec["model"], revision=spec["revision"], dtype="auto")
    options: dict[str, Any] = {}
    if spec["calibration"] is not None:
        rows = calibration_rows(spec["calibration"], tokenizer, len(tokenizer))
        if not rows:
            raise SystemExit("ValueError: the calibration data has no usable row")
        options = {
            "dataset": Dataset.from_list(rows),
            "num_calibration_samples": len(rows),
            "max_seq_length": spec["calibration"]["length"],
            "shuffle_calibration_samples": False,
        }
    oneshot(model=model, recipe=modifiers(spec), tokenizer=tokenizer, **options)
    out = Path(spec["output"])
    model.save_pretrained(out, save_compressed=True)
    tokenizer.save_pretrained(out)
    # A saved SmoothQuant recipe holds a Python tuple that safe YAML refuses; ours is beside it as JSON.
    (out / "recipe.yaml").unlink(missing_ok=True)
    (out / "quantadvise_recipe.json").write_text(json.dumps(spec, indent=1, sort_keys=True), encoding="utf-8")


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with open(sys.argv[1], encoding="utf-8") as spec_file:
        asked = json.load(spec_file)
    main(asked | {"model": sys.argv[2]} if len(sys.argv) > 2 else asked)
