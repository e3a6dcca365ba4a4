"""vLLM's own log lines → requests.

`--enable-log-requests` writes `Received request`, until 0.10 with the prompt in it; in 0.32 the prompt stands
in a DEBUG line of its own. `--enable-log-outputs` writes the answers of chats, not of completions.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone

from advisor.errors import InputError
from advisor.spec.workloads.request_log import Trace, TracedRequest, answered

_RECEIVED = re.compile(
    r"(?P<at>\d\d-\d\d \d\d:\d\d:\d\d)[^\n]*?\] ?Received request (?P<id>[^\s:]+): (?P<rest>.*)", re.DOTALL
)
_DETAILS = re.compile(r"\] ?Request (?P<id>\S+) details: (?P<rest>.*)", re.DOTALL)
_TOKENS_OUT = re.compile(
    r"\] ?Generated response (?P<id>\S+)(?: \(streaming complete\))? details: "
    r"output_token_ids: [\[(](?P<ids>[^\])]*)"
)
_TEXT_OUT = re.compile(
    r"\] ?Generated response (?P<id>\S+)(?: \(streaming complete\))?: "
    r"output: (?P<quote>['\"])(?P<text>.*)(?P=quote), "
    r"(?:output_token_ids: (?P<ids>\[[\d, ]*\])?.*)?finish_reason",
    re.DOTALL,
)
_PROMPT = re.compile(
    r"prompt: (?P<quote>['\"])(?P<text>.*)(?P=quote), (?:(?:sampling_)?params: |prompt_token_ids: )",
    re.DOTALL,
)
_IDS = re.compile(r"prompt_token_ids: \[([\d, ]+)\]")
_MAX_TOKENS = re.compile(r"max_tokens=([0-9]{1,9})\b")


def is_vllm(lines: list[tuple[int, str]]) -> bool:
    return any(_RECEIVED.search(line) for _, line in lines)


def read_vllm(lines: list[tuple[int, str]]) -> Trace:
    """The requests as they came; how long an answer was if it was logged, or forced to be as asked."""
    received: dict[str, TracedRequest] = {}
    said: dict[str, TracedRequest] = {}
    for number, line in lines:
        if (match := _RECEIVED.search(line)) is not None:
            received[match["id"]] = _request(match, number)
        elif (match := _DETAILS.search(line)) is not None:
            # It comes before the request's own line.
            said[match["id"]] = _with_prompt(_EMPTY, match["rest"])
        elif (match := _TOKENS_OUT.search(line) or _TEXT_OUT.search(line)) is not None:
            said[match["id"]] = _with_answer(said.get(match["id"], _EMPTY), match)
    found = [_together(request, said.get(name)) for name, request in received.items()]
    # A cancelled request, or one without text, has no line of its answer.
    told = [one for one in found if one.output_tokens is not None or one.output_chars is not None]
    kept = told or found
    return answered("vllm", kept, skipped=len(found) - len(kept), resolution_s=1.0)


_EMPTY = TracedRequest(input_tokens=None, output_tokens=None)


def _request(match: re.Match[str], line: int) -> TracedRequest:
    """Raises InputError for a time that there is not."""
    rest = match["rest"]
    asked = rest.rpartition("params: ")[2]  # what stands before may be the user's own words
    limit = _MAX_TOKENS.search(asked)
    forced = limit is not None and "ignore_eos=True" in asked
    year = 2000  # the lines have none; only gaps count, and 2000 has a 29 February
    try:
        at = datetime.strptime(f"{year}-{match['at']}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise InputError(
            f"line {line}: '{match['at']}' is not a time as vLLM logs it; check the line"
        ) from error
    return _with_prompt(
        TracedRequest(
            input_tokens=None, output_tokens=int(limit[1]) if forced and limit else None, at_s=at.timestamp()
        ),
        rest,
    )


def _with_prompt(request: TracedRequest, text: str) -> TracedRequest:
    ids, prompt = _IDS.search(text), _PROMPT.search(text)
    return replace(
        request,
        input_tokens=ids[1].count(",") + 1 if ids else None,
        input_chars=len(prompt["text"]) if prompt and not ids else None,
    )


def _with_answer(request: TracedRequest, match: re.Match[str]) -> TracedRequest:
    """Counts go over text: a stream's last line has the text only."""
    ids = match["ids"]
    if ids is not None and ids.strip("[] "):
        return replace(request, output_tokens=len([one for one in ids.strip("[]").split(",") if one.strip()]))
    if request.output_tokens is None and "text" in match.groupdict():
        return replace(request, output_chars=len(match["text"]))
    return request


def _together(request: TracedRequest, said: TracedRequest | None) -> TracedRequest:
    if said is None:
        return request
    prompt = said if request.input_tokens is None and request.input_chars is None else request
    answer = said if said.output_tokens is not None or said.output_chars is not None else request
    return replace(
        request,
        input_tokens=prompt.input_tokens,
        input_chars=prompt.input_chars,
        output_tokens=answer.output_tokens,
        output_chars=None if answer.output_tokens is not None else answer.output_chars,
    )
