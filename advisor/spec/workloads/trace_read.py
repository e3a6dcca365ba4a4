"""Request logs → requests: when each came, how long it was, what it shared. One reader per format.

Azure LLM inference traces (CSV), Mooncake (JSONL with `hash_ids`), OpenAI-style JSONL (request, response or
batch lines with `usage`), ShareGPT (JSON), vLLM's own log lines. The format is recognised by content.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from advisor.errors import DataError, InputError
from advisor.spec.workloads.trace_vllm import is_vllm, read_vllm
from advisor.spec.workloads.traced import Trace, TracedRequest, answered
from advisor.units import MS_PER_S

MOONCAKE_BLOCK_TOKENS = 512
"""Tokens behind one hash id (Mooncake's FAST'25 trace release)."""


def read_trace(path: Path) -> Trace:
    """The requests of a log. Raises InputError for a file of no format we know, DataError (file:line) for
    a damaged line: what happens to be readable would be other traffic."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text; export the log as UTF-8") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; check the path") from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise InputError(f"{path}: is empty; give a log with requests")
    first = lines[0][1].lstrip()
    if first.startswith("["):
        return _sharegpt(text, path)
    if first.startswith("{"):
        return _jsonl(lines, path)
    if re.search(r"(^|,)\s*ContextTokens\s*,", first, re.IGNORECASE):
        return _azure(text, path)
    if is_vllm(lines):
        return read_vllm(lines)
    raise InputError(
        f"{path}: no request log that we know (Azure CSV, Mooncake or OpenAI-style JSONL, ShareGPT JSON, "
        "vLLM log with --enable-log-requests)"
    )


def _whole(value: Any, where: str, name: str) -> int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < 1e9 or not number.is_integer():
        raise DataError(f"{where}: {name} is {value!r}, no count of tokens; correct or delete the line")
    return int(number)


def _instant(value: Any, where: str) -> float:
    """Seconds since 1970 of a number (seconds, or ms above 1e11) or of ISO text."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e17:
        return value / MS_PER_S if value > 1e11 else float(value)
    text = str(value).strip().replace("Z", "+00:00")
    # Azure writes seven decimals, Python before 3.11 reads three or six.
    text = re.sub(r"\.(\d+)", lambda match: "." + match[1][:6].ljust(6, "0"), text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise DataError(f"{where}: time {value!r} is no ISO time or number; correct or delete it") from error
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()


def _azure(text: str, path: Path) -> Trace:
    rows = csv.DictReader(text.splitlines())
    names = {name.strip().lower(): name for name in rows.fieldnames or ()}
    for needed in ("timestamp", "contexttokens", "generatedtokens"):
        if needed not in names:
            raise DataError(
                f"{path}:1: no column {needed}; Azure's are TIMESTAMP,ContextTokens,GeneratedTokens"
            )
    found = []
    for row in rows:
        where = f"{path}:{rows.line_num}"
        found.append(
            TracedRequest(
                at_s=_instant(row[names["timestamp"]], where),
                input_tokens=_whole(row[names["contexttokens"]], where, "ContextTokens"),
                output_tokens=_whole(row[names["generatedtokens"]], where, "GeneratedTokens"),
            )
        )
    return answered("azure", found)


def _jsonl(lines: list[tuple[int, str]], path: Path) -> Trace:
    rows: list[tuple[str, Mapping[str, Any]]] = []
    for number, line in lines:
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: damaged JSON ({error}); one request per line") from error
        if not isinstance(row, Mapping):
            raise DataError(f"{where}: no JSON object; one request per line")
        rows.append((where, row))
    if "input_length" in rows[0][1]:
        return _mooncake(rows)
    found = [_openai(row, where) for where, row in rows]
    kept = [one for one in found if one is not None]
    if not kept:
        raise InputError(f"{path}: no line has `usage`, or messages and an answer; log requests with usage")
    return answered("openai", kept, skipped=len(found) - len(kept))


def _mooncake(rows: list[tuple[str, Mapping[str, Any]]]) -> Trace:
    """Blocks are cumulative hashes: the leading ids that any earlier request had are shared prefix."""
    seen: set[Any] = set()
    found = []
    for where, row in rows:
        length = _whole(row.get("input_length"), where, "input_length")
        cached: int | None = None
        blocks = row.get("hash_ids")
        if isinstance(blocks, list):
            known = next((at for at, block in enumerate(blocks) if block not in seen), len(blocks))
            # The last token is computed in any case: its output is the first answer token.
            cached = min(known * MOONCAKE_BLOCK_TOKENS, max(length - 1, 0))
            seen.update(blocks)
        at = row.get("timestamp")
        found.append(
            TracedRequest(
                # Milliseconds since the trace began.
                at_s=None if at is None else _milliseconds(at, where),
                input_tokens=length,
                output_tokens=_whole(row.get("output_length"), where, "output_length"),
                cached_tokens=cached,
            )
        )
    return answered("mooncake", found)


def _milliseconds(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DataError(f"{where}: timestamp is {value!r}, no number of ms; correct or delete the line")
    return value / MS_PER_S


_TIMES = ("timestamp", "created", "created_at", "request_time", "start_time", "time")


def _openai(row: Mapping[str, Any], where: str) -> TracedRequest | None:
    """A response, a batch line (`response.body`), or a gateway's line with both halves; None for others."""
    response = _inner(row, "response", "body") or _inner(row, "response") or row
    request = _inner(row, "request", "body") or _inner(row, "request") or _inner(row, "body") or row
    if (_inner(row, "error") or response.get("error")) and "usage" not in response:
        return None
    times = [part[key] for part in (row, response) for key in _TIMES if part.get(key) is not None]
    at = _instant(times[0], where) if times else None
    usage = _inner(response, "usage") or _inner(row, "usage")
    if usage is not None:
        prompt = usage.get("prompt_tokens", usage.get("input_tokens"))
        answer = usage.get("completion_tokens", usage.get("output_tokens"))
        details = _inner(usage, "prompt_tokens_details") or _inner(usage, "input_tokens_details") or {}
        cached = details.get("cached_tokens")
        return TracedRequest(
            at_s=at,
            input_tokens=_whole(prompt, where, "prompt_tokens"),
            output_tokens=_whole(answer, where, "completion_tokens"),
            cached_tokens=None if cached is None else _whole(cached, where, "cached_tokens"),
        )
    asked = _text_of(request.get("messages")) or _text_of(request.get("prompt"))
    said = "".join(
        _text_of(_inner(choice, "message")) or _text_of(choice.get("text"))
        for choice in response.get("choices") or ()
        if isinstance(choice, Mapping)
    )
    if not asked or not said:
        return None
    return TracedRequest(
        at_s=at, input_tokens=None, output_tokens=None, input_chars=len(asked), output_chars=len(said)
    )


def _inner(row: Mapping[str, Any], *path: str) -> Mapping[str, Any] | None:
    found: Any = row
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else None


def _text_of(value: Any) -> str:
    """The text of a message, of its parts, or of a list of messages."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return _text_of(value.get("content") or value.get("text"))
    return "".join(_text_of(one) for one in value) if isinstance(value, list) else ""


def _sharegpt(text: str, path: Path) -> Trace:
    """A request per answer; its prompt is the conversation so far, which the server has seen before."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: damaged JSON ({error}); was it cut off while being written?") from error
    found: list[TracedRequest] = []
    for at, row in enumerate(document):
        turns = row.get("conversations") if isinstance(row, Mapping) else None
        if not isinstance(turns, list):
            raise InputError(f"{path}: entry {at} has no conversations; ShareGPT JSON is a list of those")
        found += _conversation(turns)
    return answered("sharegpt", found)


def _conversation(turns: list[Any]) -> Iterator[TracedRequest]:
    before = cached = 0
    for turn in turns:
        said = _text_of(turn.get("value")) if isinstance(turn, Mapping) else ""
        if isinstance(turn, Mapping) and turn.get("from") in ("gpt", "assistant", "chatgpt", "bing", "bard"):
            if before:
                yield TracedRequest(
                    input_tokens=None,
                    output_tokens=None,
                    input_chars=before,
                    output_chars=len(said),
                    cached_chars=cached,
                )
            cached = before + len(said)
        before += len(said)
