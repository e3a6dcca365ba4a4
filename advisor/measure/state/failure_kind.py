"""Classifies a program's last output: out of memory, unsupported, disk full, or a crash."""

from __future__ import annotations

import re

from advisor.errors import DiskFullError
from advisor.measure.state.ledger import Failure
from advisor.measure.tools import subprocesses
from advisor.measure.tools.subprocesses import ToolError, reason_line

# Read from the logs of vLLM 0.32, llm-compressor 0.14 and PyTorch 2.13, and from their sources.
_OUT_OF_MEMORY = (
    r"out of memory",
    r"OutOfMemoryError",
    r"No available memory for the cache blocks",
    r"larger than the (?:maximum number of tokens|available KV cache memory)",
    r"Free memory on device .* is less than desired",
    r"std::bad_alloc",
    r"Cannot allocate memory",
    r"MemoryError",
    r"not enough memory",
)
_UNSUPPORTED = (
    r"Minimum capability",
    r"compute capability .* (?:is )?(?:required|not supported)",
    r"is not supported (?:on|by|for|in|with)",
    r"are not supported",
    r"not support(?:ed)? (?:on|by|for) (?:the )?(?:current )?(?:CPU|GPU|platform|device)",
    r"NotImplementedError",
    r"No compressed-tensors compatible scheme",
    r"Failed to find a kernel",
    r"unsupported",
    r"_C::\w+\(\) expected at most 0 argument",  # a build of vLLM that declares a kernel and has none
)
_DISK_FULL = (r"No space left on device", r"Disk quota exceeded")


def _matches(patterns: tuple[str, ...], text: str) -> str | None:
    """The last line that one of the patterns fits."""
    for line in reversed(subprocesses.complaints(text)):
        if any(re.search(pattern, line, re.IGNORECASE) for pattern in patterns):
            return reason_line(line)
    return None


def classify(error: ToolError) -> Failure:
    """What the ledger keeps of a failure. Raises DiskFullError, which says nothing about the step."""
    full = _matches(_DISK_FULL, error.tail)
    if full is not None:
        raise DiskFullError(
            f"{error.log.parent}: {full}; make room and run the same command again"
        ) from error
    if error.timed_out:
        return Failure(reason="timeout", detail=f"no end within {error.seconds:.0f} s")
    memory = _matches(_OUT_OF_MEMORY, error.tail)
    if memory is not None:
        return Failure(reason="out_of_memory", detail=memory)
    unsupported = _matches(_UNSUPPORTED, error.tail)
    if unsupported is not None:
        return Failure(reason="unsupported", detail=unsupported)
    signalled = f"{error.why}: " if error.why.startswith("ended by SIG") else ""
    return Failure(reason="crash", detail=f"{signalled}{reason_line(error.tail)}")
