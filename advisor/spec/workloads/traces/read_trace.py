"""Request logs → requests: when each came, how long it was, what it shared. One reader per format.

CSV and flat JSON rows with a column per fact (`column_logs`), OpenTelemetry spans, rows with hashes of prompt
blocks (`block_hashes`), OpenAI-style rows (request, response or batch, with `usage` or text), datasets of
prompts, ShareGPT, vLLM's own log lines. Rows are JSON Lines, a JSON array, or the list inside one JSON
object. The format is recognised by content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from advisor.errors import DataError, InputError
from advisor.spec.reading.file_bytes import read_bytes
from advisor.spec.workloads.request_log import Prefix, Trace, TracedRequest, answered
from advisor.spec.workloads.traces.block_hashes import Row, name_of, read_block_hashes
from advisor.spec.workloads.traces.column_logs import (
    Columns,
    count,
    instant,
    read_columns,
    spans_of,
    usage_of_span,
)
from advisor.spec.workloads.traces.vllm_log import is_vllm, read_vllm
from advisor.units import MB

MAX_BYTES = 2000 * MB
KNOWN = (
    "CSV with a column of prompt and of answer tokens, as Azure's and BurstGPT's; JSON Lines of Mooncake, of "
    "Bailian, of OpenAI-style requests, responses or batches, of LiteLLM, of prompts; the same as a JSON "
    "array; an agent's session of Weka's; OpenTelemetry spans with gen_ai.usage; ShareGPT JSON; vLLM's log "
    "with --enable-log-requests"
)


def read_trace(path: Path) -> Trace:
    """The requests of a log. Raises InputError for a file of no format we know, DataError (file:line) for
    a damaged line: what happens to be readable would be other traffic."""
    content = read_bytes(path, max_bytes=MAX_BYTES, what="a request log")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text; export the log as UTF-8") from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise InputError(f"{path}: is empty; give a log with requests")
    first = lines[0][1].lstrip()
    if first[0] in "[{":
        return _rows(*_documents(text, lines, path), path)
    if is_vllm(lines):
        return read_vllm(lines)
    if "," in first and len(lines) > 1 and not any(character.isdigit() for character in first[:1]):
        return read_columns(text, path)
    if _SERVEGEN.fullmatch(first):
        raise InputError(f"{path}: has {_CLIENTS}")
    raise InputError(
        f"{path}: begins with {first[:40]!r}, which is not a known form of request log ({KNOWN})"
    )


_SERVEGEN = re.compile(r"[0-9.]+,[0-9.e+-]+,[0-9.e+-]+,([A-Z][a-z]+)?(,[0-9.e+-]+){2}")
_CLIENTS = (
    "rates and distributions of ServeGen's clients by window, and no requests; let ServeGen generate some "
    "(its README has examples) and write them as CSV with timestamp, input_tokens, output_tokens"
)
_LISTS = ("spans", "resourceSpans", "requests", "data", "records", "logs", "items", "traces")
"""Keys under which one JSON object keeps its rows."""


def _documents(text: str, lines: list[tuple[int, str]], path: Path) -> tuple[list[Row], Mapping[str, Any]]:
    """The rows of JSON Lines, of an array, or of the list in one object, each with its place; that object."""
    first = lines[0][1].strip()
    if first.startswith("{") and len(lines) > 1 and _parsed(first) is not None:
        return [_line(f"{path}:{number}", line) for number, line in lines], {}
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise DataError(
            f"{path}: damaged JSON ({reason}); give a request per line, or one whole array"
        ) from error
    if isinstance(document, list):
        rows = document
    else:
        rows = next((document[key] for key in _LISTS if isinstance(document.get(key), list)), [document])
    found = [(f"{path}: entry {at}", row) for at, row in enumerate(rows, start=1)]
    strange = next((where for where, row in found if not isinstance(row, Mapping)), None)
    if strange is not None or not found:
        raise InputError(f"{strange or path}: not a JSON object; known are {KNOWN}")
    return found, document if isinstance(document, Mapping) else {}


def _parsed(text: str) -> Any:
    """The JSON value of a text; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _line(where: str, line: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: damaged JSON ({error}); one request per line") from error
    if not isinstance(row, Mapping):
        raise DataError(f"{where}: not a JSON object; one request per line")
    return where, row


def _rows(rows: list[Row], around: Mapping[str, Any], path: Path) -> Trace:
    """The requests of rows; `around` is the object that holds them."""
    first = rows[0][1]
    if isinstance(first.get("conversations"), list):
        return _sharegpt(rows)
    if len(rows) == 1 and _is_result(first):
        raise _unknown(rows, path)
    spans = [(where, span) for where, row in rows for span in spans_of(row)]
    if spans:
        told = [(where, flat) for where, span in spans if (flat := usage_of_span(span)) is not None]
        if told:
            columns = Columns(list(told[0][1]))
            requests = [columns.request(row, where) for where, row in told]
            return answered("spans", requests, skipped=len(spans) - len(told))
        raise InputError(
            f"{path}: its {len(spans)} spans state no gen_ai.usage.input_tokens and output_tokens; let the "
            "instrumentation record token counts"
        )
    hashed = read_block_hashes(rows, around)
    if hashed is not None:
        return hashed
    columns = Columns(list(first))
    if columns.found:
        kept = [(where, row) for where, row in rows if columns.says_a_length(row)]
        requests = [columns.request(row, where) for where, row in kept]
        return answered(columns.format, requests, skipped=len(rows) - len(kept))
    found = [_openai(row, where) for where, row in rows]
    answers = [one for one in found if one is not None]
    if not answers:
        raise _unknown(rows, path)
    batch = all("custom_id" in row or _is_dataset(row) for _, row in rows)
    return answered("batch" if batch else "openai", answers, skipped=len(found) - len(answers))


def _unknown(rows: list[Row], path: Path) -> InputError:
    """What the file holds instead of requests."""
    first = rows[0][1]
    window = next(iter(first.values()), None)
    if isinstance(window, Mapping) and str(window.get("input_tokens", "")).startswith("{"):
        return InputError(f"{path}: has {_CLIENTS}")
    keys = ", ".join(str(key) for key in list(first)[:6])
    if _is_result(first):
        return InputError(
            f"{path}: has {keys}, a benchmark's result: quantadvise import {path.name} reads those"
        )
    return InputError(f"{path}: its entries have {keys}, and neither `usage` nor messages; known are {KNOWN}")


def _is_result(row: Mapping[str, Any]) -> bool:
    """Whether a JSON object is what a benchmark found: throughput is of many requests."""
    return any("throughput" in str(key) for key in row)


def _is_dataset(row: Mapping[str, Any]) -> bool:
    """A prompt of a dataset (vLLM's `--dataset-name custom`): no request that somebody sent at some time."""
    return isinstance(row.get("prompt"), str) and not {"choices", "response", "usage"} & row.keys()


_TIMES = ("timestamp", "created", "created_at", "request_time", "start_time", "startTime", "time")


def _openai(row: Mapping[str, Any], where: str) -> TracedRequest | None:
    """A response, a batch line (`response.body`), or a gateway's line with both halves; None for others."""
    response = _inner(row, "response", "body") or _inner(row, "response") or row
    request = _inner(row, "request", "body") or _inner(row, "request") or _inner(row, "body") or row
    if (_inner(row, "error") or response.get("error")) and "usage" not in response:
        return None
    times = [part[key] for part in (row, response) for key in _TIMES if part.get(key) is not None]
    # The times of a batch's answers are those of its processing: its requests have no arrivals.
    at = instant(times[0], where) if times and "custom_id" not in row else None
    media = _media(request.get("messages")) + _media(request.get("input"))
    prefixes = _message_prefixes(request.get("messages"))
    conversation = next(
        (name for part in (row, request) for key in _NAMES if (name := name_of(part.get(key)))), None
    )
    usage = _inner(response, "usage") or _inner(row, "usage")
    if usage is not None:
        prompt = usage.get("prompt_tokens", usage.get("input_tokens"))
        answer = usage.get("completion_tokens", usage.get("output_tokens"))
        details = _inner(usage, "prompt_tokens_details") or _inner(usage, "input_tokens_details") or {}
        cached = details.get("cached_tokens")
        return TracedRequest(
            at_s=at,
            input_tokens=count(prompt, where, "prompt_tokens"),
            output_tokens=count(answer, where, "completion_tokens"),
            cached_tokens=None if cached is None else count(cached, where, "cached_tokens"),
            media=media,
            conversation=conversation,
            prefixes=prefixes,
            in_tokens=False,
        )
    asked = _text_of(request.get("messages")) or _text_of(request.get("prompt") or request.get("input"))
    said = "".join(
        _text_of(_inner(choice, "message")) or _text_of(choice.get("text"))
        for choice in response.get("choices") or ()
        if isinstance(choice, Mapping)
    )
    is_request = ("body" in row and "response" not in row) or _is_dataset(row)
    if not asked or not (said or is_request):
        return None
    limits = (request.get(key) for key in ("max_completion_tokens", "max_tokens", "max_output_tokens"))
    limit = next((one for one in limits if one is not None), None)
    return TracedRequest(
        at_s=at,
        input_tokens=None,
        output_tokens=_said_length(row, where),
        input_chars=len(asked),
        output_chars=len(said) if said else None,
        media=media,
        conversation=conversation,
        prefixes=prefixes,
        in_tokens=False,
        max_output_tokens=None if limit is None else count(limit, where, "max_tokens"),
    )


_NAMES = ("session_id", "conversation_id", "conversation", "chat_id", "thread_id")


def _message_prefixes(messages: Any) -> tuple[Prefix, ...]:
    """The beginnings of a list of messages, at the end of each."""
    if not isinstance(messages, list):
        return ()
    found: list[Prefix] = []
    name, size = 0, 0
    for message in messages:
        role = message.get("role") if isinstance(message, Mapping) else None
        text = _text_of(message)
        name, size = hash((name, str(role), text)), size + len(text)
        found.append(Prefix(name, size))
    return tuple(found)


def _said_length(row: Mapping[str, Any], where: str) -> int | None:
    """Answer tokens that a dataset asks for beside its prompt."""
    wanted = row.get("output_tokens", row.get("expected_output_len")) if _is_dataset(row) else None
    return None if wanted is None else count(wanted, where, "output_tokens")


def _media(value: Any) -> int:
    """Images, recordings and videos among the parts of messages."""
    if isinstance(value, list):
        return sum(_media(one) for one in value)
    if not isinstance(value, Mapping):
        return 0
    kind = str(value.get("type") or "")
    if kind.startswith(("image", "input_image", "audio", "input_audio", "video")):
        return 1
    return _media(value.get("content"))


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


def _sharegpt(rows: list[Row]) -> Trace:
    """A request per answer; its prompt is the conversation so far, which the server has seen before."""
    found: list[TracedRequest] = []
    for where, row in rows:
        turns = row.get("conversations")
        if not isinstance(turns, list):
            raise InputError(f"{where} has no conversations; ShareGPT JSON is a list of those")
        found += _conversation(turns, where)
    return answered("sharegpt", found)


def _conversation(turns: list[Any], name: str) -> Iterator[TracedRequest]:
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
                    conversation=name,
                )
            cached = before + len(said)
        before += len(said)
