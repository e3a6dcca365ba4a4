"""Tasks by name: a benchmark, an average of benchmarks, or a family of them."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from advisor.errors import unknown
from advisor.spec.accuracy_benchmarks import benchmark, general_benchmarks, known_averages, known_benchmarks


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a task name stands for: benchmarks averaged, or one of a family's, whichever it is."""

    name: str
    parts: tuple[str, ...]
    normalized: bool = False
    one_of: bool = False
    """True: a single unnamed benchmark, so the spread between them widens the interval."""
    known: bool = True
    """False: an unknown name; only the user's own scores can have it."""
    context_tokens: int | None = None
    """Length that the name says (`RULER 128k`); None = the benchmark's own."""
    asked: str = ""
    """What was said where it names a family, or nothing that we know."""


MIN_CONTEXT, MAX_CONTEXT = 4_096, 10_000_000

_WEAK = {"openllm": "OpenLLM-v1", "openllmleaderboard": "OpenLLM-v1", "leaderboard": "OpenLLM-v2"}
"""lm-eval's group names; they also prefix its single tasks, so they count only where nothing else does."""

_FAMILY_WORDS: dict[str, str] = {
    "knowledge": "knowledge",
    "question answering": "knowledge",
    "commonsense": "commonsense",
    "common sense": "commonsense",
    "math": "maths",
    "maths": "maths",
    "mathematics": "maths",
    "chat": "chat",
    "conversation": "chat",
    "long context": "long context",
    "instruction following": "instruction following",
    "instructions": "instruction following",
    "multimodal": "multimodal",
    "vision": "multimodal",
    "summarization": "long context",
    "rag": "long context",
    "mt bench": "chat",
    "alpaca eval": "chat",
}
_FEW = 4
"""Benchmarks of a mean up to which an answer names them; larger ones have names that people know."""
_AVERAGE_WORDS = frozenset({"average", "avg", "mean", "overall", "recovery", "general", "accuracy"})


def context_of(text: str) -> int | None:
    """The context length that a text names: `128k`, `131072`; of several their geometric mean."""
    found = [1024 * int(number) for number in re.findall(r"(?<![\w.])(\d{1,4})k\b", text.lower())]
    found += [int(number) for number in re.findall(r"(?<![\d.])(\d{4,7})(?![\d.])", text)]
    lengths = [length for length in found if MIN_CONTEXT <= length <= MAX_CONTEXT]
    return round(math.prod(lengths) ** (1 / len(lengths))) if lengths else None


def _tokens(text: str) -> list[str]:
    spelled = text.lower().replace("+", " plus ").replace("|v|", " v ")
    return re.findall(r"[a-z]+|[0-9]+", spelled)


def _fold(text: str) -> str:
    return "".join(_tokens(text))


@lru_cache(maxsize=1)
def _names() -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    ours = {_fold(alias): b.name for b in known_benchmarks().values() for alias in (b.name, *b.aliases)}
    averages = {_fold(alias): a.name for a in known_averages().values() for alias in (a.name, *a.aliases)}
    kinds = {_fold(word): family for word, family in _FAMILY_WORDS.items()}
    return ours, averages, kinds


def _found(tokens: list[str], names: dict[str, str]) -> list[str]:
    """What `names` holds of the words that stand side by side; the longest first, each word used once."""
    spans = [
        (len(joined), start, end, names[joined])
        for start in range(len(tokens))
        for end in range(start + 1, len(tokens) + 1)
        if (joined := "".join(tokens[start:end])) in names
    ]
    taken: set[int] = set()
    found = []
    for _, start, end, name in sorted(spans, key=lambda s: (-s[0], s[1])):
        if taken.isdisjoint(range(start, end)):
            taken.update(range(start, end))
            found.append(name)
    return found


@lru_cache(maxsize=4096)
def find_task(text: str) -> Task:
    """What people mean by a task name: a benchmark (also lm-eval's name of it), an average, a family.

    Case, separators, few-shot counts and filters do not matter. An unknown name is not `known`.
    """
    tokens = _tokens(text)
    ours, averages, kinds = _names()
    singles = list(dict.fromkeys(_found(tokens, ours)))
    means = _found(tokens, averages)
    named_mean = not _AVERAGE_WORDS.isdisjoint(tokens)
    if means and (named_mean or not singles):
        chosen = known_averages()[means[0]]
        return Task(name=chosen.name, parts=chosen.parts, normalized=chosen.normalized)
    if len(singles) == 1 or (singles and not named_mean):
        context = context_of(text) if benchmark(singles[0]).family == "long context" else None
        return Task(name=singles[0], parts=(singles[0],), context_tokens=context)
    if singles:
        return Task(name="average of " + ", ".join(singles), parts=tuple(singles))
    if family := _found(tokens, kinds):
        parts = tuple(b.name for b in known_benchmarks().values() if b.family == family[0])
        return Task(name=family[0], parts=parts, one_of=len(parts) > 1, asked=text)
    if weak := _found(tokens, _WEAK):
        chosen = known_averages()[weak[0]]
        return Task(name=chosen.name, parts=chosen.parts, normalized=chosen.normalized)
    if not text.strip() or (tokens and named_mean and len(tokens) <= 3):
        return Task(name="general", parts=general_benchmarks())
    return Task(name=text.strip(), parts=general_benchmarks(), one_of=True, known=False, asked=text)


def require_known(tasks: Sequence[Task], own: Collection[str]) -> None:
    """Raises UnknownNameError with the nearest known names for a task that not even `own` scores have."""
    for task in tasks:
        if not task.known and task.asked not in own:
            remedy = "measure it yourself (quantadvise measure) and give the records"
            raise unknown("task", task.asked, task_words(), otherwise=remedy)


def task_words() -> list[str]:
    """Every name that a task may have, the catalog's spelling first."""
    names = [*known_benchmarks(), *known_averages(), "general", *_FAMILY_WORDS]
    aliases = [alias for row in known_benchmarks().values() for alias in row.aliases]
    return [*names, *aliases, *(alias for row in known_averages().values() for alias in row.aliases)]


def task_notes(tasks: Sequence[Task]) -> list[str]:
    """What was made of names that are no benchmark, one sentence a kind."""
    families = [task for task in tasks if task.known and task.asked]
    means = [task for task in tasks if not task.one_of and 1 < len(task.parts) <= _FEW]
    unknown = [f"'{task.asked}'" for task in tasks if not task.known]
    notes = [f"{task.name} is the mean of {', '.join(task.parts)}" for task in means]
    if families:
        # 'chat' for the family chat needs no second mention.
        named = [
            f"'{task.asked}'" + ("" if _fold(task.asked) == _fold(task.name) else f" ({task.name})")
            for task in families
        ]
        notes.append(f"{', '.join(named)}: read as any one benchmark of that family")
    if unknown:
        notes.append(
            f"{', '.join(unknown)}: scored by nobody but you, and not here; read as any one benchmark"
        )
    return notes
