"""Speculative decoding: what is known of it, and why no figure of ours has it in it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from advisor.errors import UnsupportedError
from advisor.spec.reading.given_value import plain

KINDS: Mapping[str, str] = {
    "draft": "a small model of the same tokenizer drafts tokens; its weights and cache take memory too",
    "mtp": "layers that were trained with the model draft tokens; only models that ship them have it",
    "eagle": "a head that was trained for this very model drafts tokens from its hidden states",
    "medusa": "heads that were trained for this very model draft tokens",
    "ngram": "tokens are drafted by looking them up in the prompt, which pays where answers repeat it",
}
"""How vLLM drafts (its speculative_config, key `method`), in short."""

_ALSO: Mapping[str, str] = {
    "draft": r"draft(er)?([ _-]model)?|true|yes|on",
    "eagle": r"eagle-?[23]?",
    "ngram": r"n-?gram|prompt[ _-]?lookup",
}
_MEASURES = (
    "measure both on your own prompts: vllm bench serve against a server that drafts and one that does not"
)
NAMES = ("speculative", "speculative_config", "speculative_model", "num_speculative_tokens")
"""What people write for a setting that no figure has in it: a profile's keys, the tools' and the page's
fields; with hyphens the command line's options."""

OFF = frozenset({"", "none", "no", "off", "false", "0"})
"""What a table of runs says of one without it."""


def kind_of(text: str) -> str | None:
    """The kind that a word, a model's name or vLLM's JSON says; None where it says none of them."""
    method = re.search(r"""["']?method["']?\s*:\s*["']?([\w-]+)""", text)
    word = (method[1] if method else text).strip().lower()
    for kind in KINDS:
        if re.fullmatch(_ALSO.get(kind, kind), word):
            return kind
    named = next((kind for kind in KINDS if kind in word), None)
    return named or ("draft" if "/" in word or "model" in word else None)


def refusal(text: str, *, where: str) -> UnsupportedError:
    """Why no number is given for what was asked."""
    kind = kind_of(text)
    unknown = f"'{plain(text)}' is not one of its kinds ({', '.join(KINDS)})"
    known = unknown if kind is None else f"{kind}: {KINDS[kind]}"
    return UnsupportedError(
        f"{where}: speculative decoding is not modelled ({known}): its gain depends on how many drafts the "
        "model accepts on your prompts, which no measurement here shows, and it shrinks or turns into a loss "
        f"as batches fill; leave it out, or {_MEASURES}"
    )


def speculates(words: str) -> bool:
    """Whether words of a `vllm serve` command turn speculative decoding on."""
    return re.search(r"(?<![\w-])(-sc|--(num[-_])?spec(ulative)?[-_][\w-]+)\b", words) is not None
