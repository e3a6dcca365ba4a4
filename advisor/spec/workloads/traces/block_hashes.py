"""Request logs whose prompts are lists of block hashes: Mooncake's, Bailian's (Qwen) and Weka's (agents).

A hash stands for a block and all that comes before it, so the leading hashes that an earlier request had are
what the prompts share. The logs differ in the block's size, in the clock and in what names a conversation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from advisor.errors import DataError
from advisor.spec.workloads.request_log import Prefix, Trace, TracedRequest, TraceFormat, answered
from advisor.spec.workloads.traces.column_logs import count
from advisor.units import MS_PER_S

Row = tuple[str, Mapping[str, Any]]
"""Where a row stands, and what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    name: TraceFormat
    block_tokens: int
    """Tokens behind one hash."""
    per_second: float
    """Ticks of the log's clock."""
    prompt: str = "input_length"
    answer: str = "output_length"
    time: str = "timestamp"


_MOONCAKE = _Form(name="mooncake", block_tokens=512, per_second=MS_PER_S)
"""Mooncake's FAST'25 trace release; AIPerf's `mooncake_trace`."""
_BAILIAN = _Form(name="bailian", block_tokens=16, per_second=1)
"""alibaba-edu/qwen-bailian-usagetraces-anon, as AIPerf's tutorial on them (bailian-trace.md) says."""
_WEKA = _Form(name="weka", block_tokens=64, per_second=1, prompt="in", answer="out", time="t")
"""Agents' sessions of kv-cache-tester, as AIPerf's weka-trace.md says; the file may state `block_size`."""


def read_block_hashes(rows: list[Row], document: Mapping[str, Any]) -> Trace | None:
    """The requests of a log of one of these forms; None for another.

    `document` is the JSON object that holds the rows, or empty. Raises DataError for a count or a time that
    is none.
    """
    form = _form(rows[0][1], document)
    if form is None:
        return None
    kept = [(where, row) for where, row in rows if row.get("type") != "subagent"]
    roots: dict[Any, str] = {}
    seen: set[Any] = set()
    found = [_request(row, where, form, seen, roots) for where, row in kept]
    return answered(form.name, found, skipped=len(rows) - len(kept))


def _form(first: Mapping[str, Any], document: Mapping[str, Any]) -> _Form | None:
    if {"t", "in", "out"} <= first.keys() and ("hash_ids" in first or "hash_id_scope" in document):
        size = document.get("block_size")
        if isinstance(size, int) and not isinstance(size, bool) and size > 0:
            return dataclasses.replace(_WEKA, block_tokens=size)
        return _WEKA
    if "input_length" not in first or not {"hash_ids", "output_length"} & first.keys():
        return None
    return _BAILIAN if "parent_chat_id" in first else _MOONCAKE


def _request(
    row: Mapping[str, Any], where: str, form: _Form, seen: set[Any], roots: dict[Any, str]
) -> TracedRequest:
    length = count(row.get(form.prompt), where, form.prompt)
    cached: int | None = None
    prefixes: list[Prefix] = []
    blocks = row.get("hash_ids")
    if isinstance(blocks, list) and all(isinstance(block, (int, str)) for block in blocks):
        known = next((at for at, block in enumerate(blocks) if block not in seen), len(blocks))
        # The last token is computed in any case: its output is the first answer token.
        cached = min(known * form.block_tokens, max(length - 1, 0))
        seen.update(blocks)
        whole = blocks[: length // form.block_tokens]
        prefixes = [Prefix(block, at * form.block_tokens) for at, block in enumerate(whole, start=1)]
    at = row.get(form.time)
    return TracedRequest(
        at_s=None if at is None else _seconds(at, where, form),
        input_tokens=length,
        output_tokens=count(row.get(form.answer), where, form.answer),
        cached_tokens=cached,
        conversation=_conversation(row, roots),
        prefixes=tuple(prefixes),
        model=str(row["model"]) if row.get("model") else None,
        media=1 if row.get("type") == "image" else 0,
    )


def _conversation(row: Mapping[str, Any], roots: dict[Any, str]) -> str | None:
    """The session that a row names, or the first chat that its parents lead to; None without either."""
    chat = row.get("chat_id")
    if isinstance(chat, (int, str)) and "parent_chat_id" in row:
        parent = row["parent_chat_id"]
        roots[chat] = roots.get(parent, str(chat)) if isinstance(parent, (int, str)) else str(chat)
        return roots[chat]
    return name_of(row.get("session_id"))


def name_of(value: Any) -> str | None:
    """A conversation's name; None where there is none."""
    named = isinstance(value, (str, int)) and not isinstance(value, bool) and value != ""
    return str(value) if named else None


def _seconds(value: Any, where: str, form: _Form) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        unit = "ms" if form.per_second == MS_PER_S else "seconds"
        raise DataError(f"{where}: {form.time} is {value!r}, no number of {unit}; correct or delete the line")
    return value / form.per_second
