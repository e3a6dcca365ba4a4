"""A GPU and how many, as people type them: `2xA100`."""

from __future__ import annotations

import re

from advisor.errors import InputError
from advisor.spec.reading.comma_lists import split
from advisor.spec.reading.given_value import plain

_COUNTED = re.compile(
    r"(?:([0-9]{1,3})\s*[x×*]\s*)?(.+?)(?:\s*(?<!RT)(?<!GT)(?<!Fle)[x×*]\s*([0-9]{1,3}))?", re.IGNORECASE
)
"""The x of RTX4090 and of Flex 170 belongs to the name."""


def gpu_and_count(text: str) -> tuple[str, int | None]:
    """A GPU and how many: `2xA100`, `A100x2` and `2 x A100` as ("A100", 2); `A100` as ("A100", None).

    Raises InputError for a count of 0.
    """
    match = _COUNTED.fullmatch(text.strip())
    if match is None or (match[1] and match[3]):
        return text, None
    count = match[1] or match[3]
    if count is not None and int(count) == 0:
        raise InputError(
            f"GPU '{text.strip()}': 0 is not a number of GPUs; give 1 or more: 2x{match[2].strip()}"
        )
    return match[2].strip(), None if count is None else int(count)


def gpu_and_degree(text: str, tensor_parallel: int) -> tuple[str, int]:
    """The GPU's name and how many share a replica: `2xA100` says both. Raises InputError for two counts."""
    if len(named_parts := split(text)) > 1:
        raise InputError(
            f"--gpu: '{plain(text)}' names {len(named_parts)} GPUs, and a prediction is of one deployment; "
            "name one, or use recommend or compare"
        )
    name, count = gpu_and_count(text)
    if count is not None and tensor_parallel not in (1, count):
        raise InputError(
            f"--gpu: {count} GPUs, and --tensor-parallel-size {tensor_parallel}; keep one of them"
        )
    return name, count or tensor_parallel
