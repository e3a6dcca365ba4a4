"""The script that makes the checkpoint by llm-compressor's recipe."""

from __future__ import annotations

from advisor.report.commands.recipe import needs_data
from advisor.report.manifests.named_deployment import Subject

DATA = "garage-bAInd/Open-Platypus"
"""What the seed paper calibrated INT4 on (arXiv:2411.02355v4, section 3)."""
SAMPLES, LENGTH, SEED = 512, 2048, 0
"""Calibration samples, their tokens and seed, as `quantadvise measure` uses; the paper states no count."""

_HEAD = '''\
"""Make a checkpoint by recipe.yaml. Run: python make_checkpoint.py [MODEL [FOLDER]]

Written for llm-compressor 0.14 (pip install "llmcompressor>=0.14"); needs no GPU, but is slow without one.
"""

import os
import sys
from pathlib import Path

import torch
{imports}from llmcompressor import oneshot
from transformers import AutoModelForCausalLM, AutoTokenizer

HERE = Path(__file__).resolve().parent
MODEL = sys.argv[1] if len(sys.argv) > 1 else {model!r}
FOLDER = Path(sys.argv[2]) if len(sys.argv) > 2 else HERE.parent / {folder!r}
'''

_DATA = '''
# Good data matters: random tokens hurt INT4 (arXiv:2411.02355, section 3).
DATA, SAMPLES, LENGTH, SEED = os.environ.get("CALIBRATION_DATA", {data!r}), {samples}, {length}, {seed}


def rows(tokenizer):
    """Instructions with their answers, as the model's own chat would show them."""
    is_file = DATA.endswith((".json", ".jsonl"))
    source = {{"path": "json", "data_files": DATA}} if is_file else {{"path": DATA}}
    found = load_dataset(**source, split="train")
    found = found.shuffle(seed=SEED)
    found = found.select(range(min(SAMPLES, len(found))))
    for row in found:
        asked = "\\n".join(part for part in (row["instruction"], row.get("input")) if part)
        chat = [{{"role": "user", "content": asked}}, {{"role": "assistant", "content": row["output"]}}]
        if tokenizer.chat_template is None:
            ids = tokenizer(asked + "\\n" + row["output"], max_length=LENGTH, truncation=True)["input_ids"]
        else:
            text = tokenizer.apply_chat_template(chat, tokenize=False)
            ids = tokenizer(text, max_length=LENGTH, truncation=True, add_special_tokens=False)["input_ids"]
        yield {{"input_ids": list(ids)}}

'''

_MAIN = """

def main():
    if FOLDER.exists():
        sys.exit(f"{{FOLDER}} exists already; remove it or name another folder")
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype="auto")
{calibrate}    oneshot(model=model, tokenizer=tokenizer, recipe=str(HERE / "recipe.yaml"){arguments})
    partial = FOLDER.with_name(FOLDER.name + ".partial")
    model.save_pretrained(partial, save_compressed=True)
    tokenizer.save_pretrained(partial)
    os.replace(partial, FOLDER)
    print(FOLDER)


if __name__ == "__main__":
    if not torch.accelerator.is_available():
        # GPTQ and AWQ pin their caches, which a torch without an accelerator refuses (llm-compressor 0.14).
        from llmcompressor.pipelines.cache import IntermediatesCache

        IntermediatesCache.pin_memory = lambda self, *args, **options: None
    main()
"""

_CALIBRATE = "    data = Dataset.from_list(list(rows(tokenizer)))\n"
_ARGUMENTS = """,
        dataset=data, num_calibration_samples=len(data), max_seq_length=LENGTH,
        shuffle_calibration_samples=False"""


def checkpoint_files(subject: Subject) -> dict[str, str]:
    """The recipe and its script; nothing where the checkpoint is published or no recipe is known."""
    recipe = subject.commands.recipe
    if recipe is None:
        return {}
    model = subject.deployment.model
    calibrated = needs_data(subject.deployment.format.name)
    head = _HEAD.format(
        folder=subject.folder_name,
        model=model.hf_id or model.name,
        imports="from datasets import Dataset, load_dataset\n" if calibrated else "",
    )
    data = _DATA.format(data=DATA, samples=SAMPLES, length=LENGTH, seed=SEED) if calibrated else ""
    main = _MAIN.format(
        calibrate=_CALIBRATE if calibrated else "", arguments=_ARGUMENTS if calibrated else ""
    )
    script = f"{head}{data.rstrip()}\n{main}" if data else f"{head}{main}"
    return {"checkpoint/recipe.yaml": recipe, "checkpoint/make_checkpoint.py": script}
