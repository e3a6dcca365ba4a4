"""Make a tiny trained Llama, its tokenizer, data and lm-eval tasks. `tiny_model.py FOLDER [STEPS]`

Runs in an environment with torch and transformers; no network. The model learns a small world of invented
people by heart, so that its perplexity and its answers mean something and a coarser format is seen to cost.
"""
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

VOCAB = 1_024
HIDDEN = 128
WINDOW = 64
OUTLIERS = 2.5
"""Spread, in powers of two, of the channels between the FFN's matrices. Large models have such outliers; a
tiny one has none, and GPTQ then makes its INT4 as good as BF16 (seen). BF16 is not changed by them at all."""
SYLLABLES = ["ba", "do", "ki", "lu", "me", "na", "po", "ra", "si", "tu", "va", "ze"]
THINGS = {
    "likes": ["red", "blue", "green", "yellow", "black", "white", "grey", "brown"],
    "eats": ["bread", "rice", "soup", "fish", "beans", "apples", "cheese", "honey"],
    "works as a": ["baker", "smith", "miller", "sailor", "weaver", "hunter", "potter", "farmer"],
}
TEMPLATE = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\\n' }}{% endfor %}"


def world(draw: random.Random, people: int = 40) -> dict[str, dict[str, str]]:
    """Each person's colour, food and trade."""
    names = set()
    while len(names) < people:
        names.add("".join(draw.choice(SYLLABLES) for _ in range(3)).capitalize())
    return {name: {verb: draw.choice(words) for verb, words in THINGS.items()} for name in sorted(names)}


def page(facts: dict[str, dict[str, str]], draw: random.Random, sentences: int) -> str:
    """Facts in any order."""
    picked = [draw.choice(sorted(facts)) for _ in range(sentences)]
    verbs = [draw.choice(sorted(THINGS)) for _ in picked]
    return " ".join(f"{name} {verb} {facts[name][verb]}." for name, verb in zip(picked, verbs, strict=True))


def tokenizer_of(pages: list[str]) -> Any:
    """A byte-level BPE learnt on the pages."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<pad>", "<s>", "</s>"]
    core.train_from_iterator(
        pages,
        trainers.BpeTrainer(
            vocab_size=VOCAB, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
    made = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="<pad>", model_max_length=2_048
    )
    made.chat_template = TEMPLATE
    return made


def trained(tokenizer: Any, pages: list[str], steps: int) -> Any:
    """Three layers, 128 wide, after `steps` batches; the rate falls to nothing at the end."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCAB,
            hidden_size=HIDDEN,
            intermediate_size=2 * HIDDEN,
            num_hidden_layers=3,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=2_048,
            tie_word_embeddings=False,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    ids = torch.tensor([token for text in pages for token in tokenizer(text)["input_ids"]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=max(steps, 1), pct_start=0.1)
    model.train()
    for _ in range(steps):
        starts = torch.randint(0, len(ids) - WINDOW - 1, (16,))
        batch = torch.stack([ids[at : at + WINDOW] for at in starts])
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        rates.step()
        optimizer.zero_grad()
    return with_outliers(model.eval().to(torch.bfloat16))


def with_outliers(model: Any) -> Any:
    """The same function with channels of very different size."""
    import torch

    torch.manual_seed(1)
    for layer in model.model.layers:
        up, down = layer.mlp.up_proj.weight, layer.mlp.down_proj.weight
        scale = 2.0 ** torch.round(OUTLIERS * torch.randn(up.shape[0]))
        up.data *= scale.to(up.dtype)[:, None]
        down.data /= scale.to(down.dtype)[None, :]
    return model


def rows_to(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def questions(facts: dict[str, dict[str, str]], draw: random.Random) -> list[dict[str, Any]]:
    """What does who like, with four answers."""
    rows = []
    for name, known in facts.items():
        for verb, right in known.items():
            wrong = draw.sample([word for word in THINGS[verb] if word != right], 3)
            choices = [right, *wrong]
            draw.shuffle(choices)
            rows.append({"question": f"{name} {verb}", "choices": choices, "answer": choices.index(right)})
    return rows


def task(name: str, data: Path, **settings: Any) -> str:
    """An lm-eval task; JSON is YAML."""
    row = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": data.name}},
        "test_split": "test",
        "metadata": {"version": 1.0},
        **settings,
    }
    return json.dumps(row, indent=1)


def main(folder: Path, steps: int) -> None:
    """Write `model/`, `calibration.jsonl` and `tasks/` below the folder."""
    draw = random.Random(0)
    facts = world(draw)
    pages = [page(facts, draw, 16) for _ in range(1_200)]
    tokenizer = tokenizer_of(pages)
    tasks = folder / "tasks"
    tasks.mkdir(parents=True, exist_ok=True)
    rows_to(folder / "calibration.jsonl", [{"text": page(facts, draw, 24)} for _ in range(64)])
    rows_to(tasks / "questions.jsonl", questions(facts, draw))
    rows_to(tasks / "pages.jsonl", [{"page": page(facts, draw, 20)} for _ in range(30)])
    metrics = [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}]
    (tasks / "tiny_facts.yaml").write_text(
        task(
            "tiny_facts",
            tasks / "questions.jsonl",
            output_type="multiple_choice",
            doc_to_text="{{question}}",
            doc_to_choice="{{choices}}",
            doc_to_target="answer",
            metric_list=metrics,
        )
    )
    (tasks / "tiny_pages.yaml").write_text(
        task(
            "tiny_pages",
            tasks / "pages.jsonl",
            output_type="loglikelihood_rolling",
            doc_to_text="",
            doc_to_target="{{page}}",
            metric_list=[{"metric": "word_perplexity"}],
        )
    )
    model = trained(tokenizer, pages, steps)
    model.save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_200)
