"""Request logs with a column (or a flat key) per fact: Azure's, BurstGPT's, LiteLLM's, and one's own.

Azure LLM inference traces have TIMESTAMP, ContextTokens, GeneratedTokens (the multimodal one NumImages too);
BurstGPT has Timestamp, Model, Request tokens, Response tokens, Total tokens, Log Type, in its second form
Session ID and Elapsed time too; LiteLLM's spend logs have startTime, prompt_tokens, completion_tokens.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from advisor.errors import DataError, InputError
from advisor.spec.reading.amounts import plain_number
from advisor.spec.workloads.request_log import Trace, TracedRequest, TraceFormat, answered
from advisor.units import MS_PER_S

TIMES = (
    *("timestamp", "arrivaltime", "arrivaltimestamp", "arrivedat", "arrival", "starttime", "requesttime"),
    *("createdat", "created", "time", "sentat", "ts", "t"),
)
PROMPTS = (
    *("contexttokens", "requesttokens", "prompttokens", "inputtokens", "inputlength", "inputlen"),
    *("promptlength", "promptlen", "numprompttokens", "numprefilltokens", "inputsequencelength", "isl", "in"),
)
ANSWERS = (
    *("generatedtokens", "responsetokens", "completiontokens", "outputtokens", "outputlength", "outputlen"),
    *("generationtokens", "numoutputtokens", "numdecodetokens", "outputsequencelength", "osl", "out"),
)
CACHED = ("cachedtokens", "cachedprompttokens", "promptcachedtokens", "cachereadinputtokens")
SESSIONS = ("sessionid", "conversationid", "chatid", "threadid", "dialogueid", "dialogid")
ENDS = ("endtime", "endedat", "finishedat", "completedat")
LASTED = ("elapsedtime",)
"""Seconds (BurstGPT's second form)."""
MODELS = ("modelgroup", "model", "modelname")
PROXY_HITS = ("cachehit",)
"""LiteLLM's own cache of answers, not the engine's of prefixes."""
MEDIA = ("numimages", "images", "numaudios", "numvideos")
NS_PER_S = 1e9
_FORMATS: Mapping[str, TraceFormat] = {"contexttokens": "azure", "requesttokens": "burstgpt"}


def folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


class Columns:
    """Which name of a log stands for which fact. `found` is False where one of the lengths is missing."""

    def __init__(self, names: list[str]) -> None:
        by_fold = {folded(name): name for name in reversed(names)}

        def first(wanted: tuple[str, ...]) -> str | None:
            return next((by_fold[one] for one in wanted if one in by_fold), None)

        self.time, self.prompt, self.answer = first(TIMES), first(PROMPTS), first(ANSWERS)
        self.cached, self.media = first(CACHED), first(MEDIA)
        self.model, self.proxy_hit = first(MODELS), first(PROXY_HITS)
        self.session, self.ended, self.lasted = first(SESSIONS), first(ENDS), first(LASTED)
        self.found = self.prompt is not None and self.answer is not None

    @property
    def format(self) -> TraceFormat:
        return _FORMATS.get(folded(self.prompt or ""), "columns")

    def says_a_length(self, row: Mapping[str, Any]) -> bool:
        """Whether the row has a prompt or an answer length at all: others are steps of something else."""
        return row.get(self.prompt or "") is not None or row.get(self.answer or "") is not None

    def request(self, row: Mapping[str, Any], where: str) -> TracedRequest:
        """One row. Raises DataError for a count or a time that is none."""
        at = None if self.time is None else row.get(self.time)
        media = None if self.media is None else row.get(self.media)
        cached = _cached_in_metadata(row) if self.cached is None else row.get(self.cached)
        model = None if self.model is None else row.get(self.model)
        session = None if self.session is None else row.get(self.session)
        sent_s = None if at in (None, "") else instant(at, where)
        return TracedRequest(
            at_s=sent_s,
            conversation=None if session in (None, "") else str(session),
            ended_s=None if sent_s is None else self._ended_s(row, sent_s, where),
            input_tokens=count(row.get(self.prompt or ""), where, self.prompt or ""),
            output_tokens=count(row.get(self.answer or ""), where, self.answer or ""),
            cached_tokens=None
            if cached in (None, "")
            else count(cached, where, self.cached or "cached_tokens"),
            model=None if model in (None, "") else str(model),
            answered_by_proxy=str(row.get(self.proxy_hit or "")).lower() == "true",
            media=0 if media in (None, "") else count(media, where, self.media or ""),
        )

    def _ended_s(self, row: Mapping[str, Any], sent_s: float, where: str) -> float | None:
        """When the answer ended; None where the log does not say, or says what cannot be."""
        ended = None if self.ended is None else row.get(self.ended)
        if ended not in (None, ""):
            at = instant(ended, where)
            return at if at >= sent_s else None
        lasted = None if self.lasted is None else row.get(self.lasted)
        seconds = plain_number(lasted) if isinstance(lasted, str) else lasted
        if not isinstance(seconds, (int, float)):
            return None
        return sent_s + seconds if 0 <= seconds < 1e6 else None


def _cached_in_metadata(row: Mapping[str, Any]) -> Any:
    """Prompt tokens that the engine's prefix cache had, where LiteLLM keeps them (JSON text in a CSV)."""
    found = row.get("metadata")
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except (ValueError, RecursionError):
            return None
    for key in ("usage_object", "prompt_tokens_details", "cached_tokens"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def read_columns(text: str, path: Path) -> Trace:
    """The requests of a CSV with a head. Raises InputError when no columns have both lengths."""
    rows = csv.DictReader(text.splitlines(), skipinitialspace=True)
    names = [name.strip() for name in rows.fieldnames or ()]
    rows.fieldnames = names
    columns = Columns(names)
    if not columns.found:
        side = "answer" if columns.prompt is not None else "prompt"
        raise InputError(
            f"{path}:1: no column of {side} tokens among {', '.join(names[:8])}; known are Azure's "
            "(ContextTokens, GeneratedTokens), BurstGPT's (Request tokens, Response tokens) and "
            "input_tokens, output_tokens, with timestamp"
        )
    found = [columns.request(row, f"{path}:{rows.line_num}") for row in rows]
    return answered(columns.format, found)


_USAGE: Mapping[str, tuple[str, ...]] = {
    "prompt_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens"),
    "completion_tokens": (
        *("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens"),
    ),
    "cached_tokens": ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cached_tokens"),
}
"""OpenTelemetry's attributes of a model's answer; older and other instrumentations have other names."""


def spans_of(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The spans of a row: itself, or those of OTLP's `resourceSpans` entry; none where it is no span."""
    if isinstance(row.get("scopeSpans"), list):
        scopes = [scope.get("spans") for scope in row["scopeSpans"] if isinstance(scope, Mapping)]
        return [span for spans in scopes if isinstance(spans, list) for span in spans if _is_span(span)]
    return [row] if _is_span(row) else []


def _is_span(row: Any) -> bool:
    return (
        isinstance(row, Mapping)
        and "attributes" in row
        and {"span_id", "spanId", "context"} & row.keys() != set()
    )


def usage_of_span(span: Mapping[str, Any]) -> dict[str, Any] | None:
    """Time and token counts of a span under our names; None for a span of something else."""
    attributes = _attributes(span.get("attributes"))
    found = {
        name: next((attributes[key] for key in keys if attributes.get(key) is not None), None)
        for name, keys in _USAGE.items()
    }
    if found["prompt_tokens"] is None or found["completion_tokens"] is None:
        return None
    return {"timestamp": _began(span), **found}


def _attributes(value: Any) -> dict[str, Any]:
    """OTLP writes a list of `{key, value: {intValue}}`, exporters a mapping."""
    if isinstance(value, Mapping):
        return dict(value)
    pairs = [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
    return {
        str(one.get("key")): next(iter(one["value"].values()), None)
        for one in pairs
        if isinstance(one.get("value"), Mapping)
    }


def _began(span: Mapping[str, Any]) -> Any:
    """When a span began: ISO text, or seconds of OTLP's nanoseconds."""
    nanoseconds = span.get("startTimeUnixNano", span.get("start_time_unix_nano"))
    try:
        if nanoseconds is not None:
            return int(nanoseconds) / NS_PER_S
    except (TypeError, ValueError):
        return nanoseconds
    return span.get("start_time", span.get("startTime"))


def count(value: Any, where: str, name: str) -> int:
    """A whole number of tokens, of text too. Raises DataError."""
    number = plain_number(value) if isinstance(value, str) else value
    if not isinstance(number, (int, float)):
        number = -1.0
    if not 0 <= number < 1e9 or not float(number).is_integer() or isinstance(value, bool):
        raise DataError(f"{where}: {name} is {value!r}, not a number of tokens; correct or delete the line")
    return int(number)


def instant(value: Any, where: str) -> float:
    """Seconds of a number (seconds, or ms above 1e11), of its text, or of ISO text since 1970."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d+(\.\d*)?([eE]\+?\d+)?\s*", value):
        value = float(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e17:
        return value / MS_PER_S if value > 1e11 else float(value)
    text = str(value).strip().replace("Z", "+00:00")
    # Azure writes seven decimals, Python before 3.11 reads three or six.
    text = re.sub(r"\.(\d+)", lambda match: "." + match[1][:6].ljust(6, "0"), text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise DataError(
            f"{where}: time {value!r} is neither an ISO time nor a number; correct or delete it"
        ) from error
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()
