"""Checks of arguments that hold for every option of every command."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from advisor.errors import InputError

_NUMBER = re.compile(r"[+-]?[\d_]*\.?[\d_]+(?:[eE][+-]?[\d_]+)?")
"""What Python reads as a number: digits of any script, and underscores between them."""
NAMES = frozenset(
    {
        *("--out", "--write", "--html", "--records", "--cells", "--name", "--model", "-m", "--workload"),
        *("--profile", "-w", "--task-folder", "--checkpoint", "--prompts", "--calibration", "--gpu-file"),
        *("--revision", "--address", "--engine-arg", "--algorithm", "--recipe", "--licence"),
    }
)
"""Options whose values are names and paths, which may look like any number."""
_MEMORY_WORDS = frozenset({"--vram", "--max-vram", "--vram-gb", "--gpu-memory", "--gpu-vram", "--gpu-ram"})
"""Words that are asked first for what no option is: how much memory a GPU has."""
_LORA_WORDS = frozenset({"--enable-lora", "--lora", "--lora-modules", "--max-loras", "--max-lora-rank"})
"""Words that ask for adapters, which no option states."""
MAX_DIGITS = 40
"""No quantity here needs more digits."""


def check(arguments: Sequence[str]) -> None:
    """Raise InputError for what no argument can be.

    Control characters, numbers not written with the digits 0 to 9, the memory of a GPU, which its name says,
    LoRA adapters, and an empty value: an unset shell variable must not mean everything, or this folder.
    """
    before = ""
    for argument in arguments:
        option, equals, value = argument.partition("=")
        if option in _MEMORY_WORDS:
            raise InputError(
                f"{option}: memory comes with the GPU: name it, --gpu RTX4090 (quantadvise gpus lists them "
                "with theirs); the share that the server takes is --gpu-memory-utilization 80%"
            )
        if option in _LORA_WORDS and before != "--engine-args":
            raise InputError(
                f"{option}: LoRA adapters are not covered: they cost time and memory that no measurement "
                "here has; ask for the base model, or name the model that an adapter was merged into"
            )
        if not argument.isprintable():
            where = option if equals or option.startswith("--") else before or "an argument"
            raise InputError(f"{where}: {argument!r} has control characters or line breaks; write plain text")
        if not (argument.startswith("--") and equals):
            option, value = before, argument
        if not value.strip():
            raise InputError(f"{option or 'an argument'}: is empty; state a value, or leave it out")
        if option.startswith("-") and option not in NAMES:
            for word in re.split(r"[,;\s±:/-]+", value):
                _check_number(option, word)
        before = argument if argument.startswith("-") else ""


def joined(arguments: Sequence[str]) -> list[str]:
    """The arguments with a per cent sign that stands alone put to its number: `--confidence 95 %`."""
    parts: list[str] = []
    for argument in arguments:
        if argument == "%" and parts and _NUMBER.fullmatch(parts[-1]):
            parts[-1] += "%"
        else:
            parts.append(argument)
    return parts


def as_typed(line: str, arguments: Sequence[str], command: Any) -> str:
    """An error's line that names options as they were typed (`--users`, where --concurrency is meant).

    An argument of the library in front (`max_gpus: …`) becomes the option that it came from.
    """
    words = list(arguments)
    while words and words[0] in (known := getattr(command, "commands", {})):
        command = known[words.pop(0)]
    used = {word.partition("=")[0] for word in words}
    for parameter in command.params:
        options = [option for option in parameter.opts if option.startswith("--")]
        typed = next((option for option in parameter.opts if option in used), None)
        if typed is None or not options:
            continue
        if line.startswith(f"{parameter.name}:"):
            line = typed + line[len(parameter.name or "") :]
        if "_" in (parameter.name or ""):  # no word of a sentence
            line = re.sub(rf"(?<![\w-]){parameter.name}(?![\w-])", typed, line)
        for other in options:
            if typed.startswith("--") and other not in used:
                line = re.sub(rf"(?<![\w'-]){other}(?![\w-])", typed, line)
    return line


def _check_number(option: str, word: str) -> None:
    if any(character.isdigit() and not character.isascii() for character in word):
        raise InputError(f"{option}: '{word}' is not a plain number; write it with the digits 0 to 9 only")
    if not _NUMBER.fullmatch(word):
        return
    if not word.isascii() or "_" in word:
        raise InputError(f"{option}: '{word}' is not a plain number; write it with the digits 0 to 9 only")
    if len(word) > MAX_DIGITS:
        raise InputError(f"{option}: a number of {len(word)} digits; it has at most {MAX_DIGITS}")
