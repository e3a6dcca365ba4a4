"""Write prompts of given lengths. `prompts_worker.py SPEC.json PROMPTS.jsonl [TOKENIZER]`

Runs in vLLM's environment and imports nothing of ours. Token ids are drawn at random and decoded; a text
whose tokens come out fewer or more is cut and filled until the count is right, or nearest.
"""
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import json
import os
import random
import sys
from typing import Any


def text_of_length(tokenizer: Any, ids: list[int], count: int, draw: random.Random) -> str:
    """A text that the tokenizer turns into `count` tokens, special ones included, or as near as it gets."""
    added = len(tokenizer("")["input_ids"])
    wanted = max(1, count - added)
    body = [draw.choice(ids) for _ in range(wanted)]
    text = str(tokenizer.decode(body))
    for _ in range(10):
        body = tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(body) == wanted:
            break
        if len(body) > wanted:
            body = body[:wanted]
        else:
            body = body + [draw.choice(ids) for _ in range(wanted - len(body))]
        text = str(tokenizer.decode(body))
    return text


def main(spec: dict[str, Any], out: str) -> None:
    """One line per request: prompt and how many tokens to answer with."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(spec["tokenizer"], revision=spec["revision"])
    draw = random.Random(spec["seed"])
    special = set(tokenizer.all_special_ids)
    ids = [number for number in range(len(tokenizer)) if number not in special]
    with open(f"{out}.partial", "w", encoding="utf-8") as file:
        for wanted, answer in spec["lengths"]:
            text = text_of_length(tokenizer, ids, wanted, draw)
            file.write(json.dumps({"prompt": text, "output_tokens": answer}) + "\n")
    os.replace(f"{out}.partial", out)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as spec_file:
        asked = json.load(spec_file)
    main(asked | {"tokenizer": sys.argv[3]} if len(sys.argv) > 3 else asked, sys.argv[2])
