"""A foreign file's content as plain values: JSON, CSV, YAML, and what loadgen and benchmarks print."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advisor.errors import DataError
from advisor.record.importers.tools import mlperf, printed_output
from advisor.spec.reading.amounts import plain_number
from advisor.spec.reading.file_bytes import read_bytes
from advisor.units import MB

MAX_BYTES = 512 * MB
"""Results with every request and its text are some tens of megabytes."""
_MAX_CSV_ROWS = 100_000
_MAX_YAML_BYTES = 16 * MB
"""A report with every time series is below a megabyte; YAML of more takes minutes to read."""


def read_content(path: Path) -> bytes:
    """The file's bytes. Raises InputError for what is not a regular file or too large."""
    return read_bytes(path, max_bytes=MAX_BYTES, what="a result file")


def parse(content: bytes, path: Path) -> Any:
    """The value of the file; a list where several JSON values or CSV rows follow each other.

    NaN is read here and refused where it is used. Raises DataError for text of no such form.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text; import the file as its tool wrote it") from error
    if not text.strip():
        raise DataError(f"{path}: is empty; was the run cut off?")
    if text.lstrip()[0] in "{[" and not printed_output.recognises(text):
        return _json(text, path)
    if mlperf.recognises(text):
        return text
    if printed_output.recognises(text):
        found = printed_output.results(text)
        return found[0] if len(found) == 1 else found
    if is_turn_table(text):
        return text
    rows = _csv(text)
    if rows is not None:
        return rows
    if len(content) > _MAX_YAML_BYTES:
        raise DataError(
            f"{path}: neither JSON nor CSV, and too large for YAML; import the file as its tool wrote it"
        )
    return _yaml(text, path)


def is_turn_table(text: str) -> bool:
    """Whether it is what vLLM's benchmark_serving_multi_turn prints, alone or in a log."""
    return all(f"\n{name} " in f"\n{text}" for name in ("ttft_ms", "input_num_turns", "output_num_tokens"))


def _json(text: str, path: Path) -> Any:
    """One value, or the list of those that stand one after the other (`--append-result`, JSON Lines)."""
    decoder, values, at = json.JSONDecoder(), [], 0
    end = len(text.rstrip())
    try:
        while at < end:
            while text[at].isspace():
                at += 1
            value, at = decoder.raw_decode(text, at)
            values.append(value)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        remedy = "was it cut off while being written?"
        if values:
            remedy = f"{len(values)} whole results stand before it; delete what follows them"
        raise DataError(f"{path}: damaged JSON ({reason}); {remedy}") from error
    return values[0] if len(values) == 1 else values


def _csv(text: str) -> list[dict[str, Any]] | None:
    """Rows of a table under one line of names, numbers as numbers; None where the text is no such table.

    Lines of remarks (#) may stand above it.
    """
    text = re.sub(r"\A\s*(?:#.*\n)+", "", text)
    head = text.lstrip().split("\n", 1)[0]
    names = [name.strip() for name in head.split(",")]
    if len(names) < 3 or len(set(names)) < len(names) or ":" in head:
        return None
    try:
        rows = list(csv.reader(io.StringIO(text.strip()), strict=True))
    except csv.Error:
        return None
    if len(rows) < 2 or len(rows) > _MAX_CSV_ROWS or any(len(row) not in (0, len(names)) for row in rows):
        return None
    return [
        {name: _value(cell) for name, cell in zip(names, row, strict=True) if name and cell != ""}
        for row in rows[1:]
        if row
    ]


def _value(cell: str) -> Any:
    value = plain_number(cell)
    if value is None:
        return cell
    return int(value) if value.is_integer() and "." not in cell else value


def _yaml(text: str, path: Path) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        line = str(error).splitlines()[0]
        raise DataError(
            f"{path}: neither JSON, CSV nor YAML ({line}); import the file as its tool wrote it"
        ) from error


_MAX_KEYS = 6


def described(document: Any) -> str:
    """What a file of no known form holds, in a few words, and where it belongs if that shows."""
    if isinstance(document, list) and document and isinstance(document[0], Mapping):
        return f"a list of {len(document)} objects with {_keys(document[0])}{_belongs(document[0])}"
    if isinstance(document, Mapping):
        return f"an object with {_keys(document)}{_belongs(document)}"
    if isinstance(document, list):
        return f"a list of {len(document)} values"
    text = str(document).strip()
    head = {name.strip() for name in text.split("\n", 1)[0].split(",")}
    if is_turn_table(text):
        return f"a table of vLLM's benchmark_serving_multi_turn: {_TURNS}"
    if {"Metric", "avg"} <= head:
        return f"{_TABLE} (it has no lengths and no load)"
    return f"text that begins with {text[:30]!r}"


def _keys(document: Mapping[Any, Any]) -> str:
    names = [repr(str(key))[1:-1][:30] for key in document]
    if not names:
        return "no keys"
    more = f" and {len(names) - _MAX_KEYS} more" if len(names) > _MAX_KEYS else ""
    return f"the keys {', '.join(names[:_MAX_KEYS])}{more}"


_TABLE = "AIPerf's or GenAI-Perf's table: import the JSON of the same name beside it"
_TURNS = "a record has no turns; `quantadvise predict` with `--turns` is what to hold it against, by hand"
_NO_ENGINE = "names no engine: measure with `vllm bench serve`, GuideLLM or AIPerf"
_OTHER_TOOLS: tuple[tuple[set[str], str], ...] = (
    (
        {"engine", "world_info", "performance"},
        "a report of TensorRT-LLM's trtllm-bench: only vLLM is predicted",
    ),
    ({"model_filename", "avg_ts", "n_prompt"}, "a result of llama.cpp's llama-bench: only vLLM is predicted"),
    ({"results_ttft_s_mean", "num_concurrent_requests"}, f"a summary of LLMPerf, which {_NO_ENGINE}"),
    (
        {"config", "results", "system", "start_time"},
        f"a result of Hugging Face's inference-benchmarker (TGI's), which {_NO_ENGINE}",
    ),
    ({"Number of concurrency", "Total requests"}, f"a summary of EvalScope's perf, which {_NO_ENGINE}"),
    (
        {"experiments", "service_kind"},
        "GenAI-Perf's timings of single requests: import profile_export_genai_perf.json beside it",
    ),
    (
        {"metadata", "metrics", "error"},
        "AIPerf's records of single requests: import profile_export_aiperf.json beside it",
    ),
    ({"Metric", "avg", "p99"}, _TABLE),
    (
        {"Hardware Key", "Framework", "Precision"},
        "an export of InferenceX's page, which has seconds under names in ms: import the run's agg_*.json",
    ),
    (
        {"avg_cold_startup_time", "avg_warm_startup_time"},
        "start-up times of `vllm bench startup`, of which there are no records",
    ),
)
"""Files of tools that are no source here, by keys that they have, with the reason and the way on."""


def _belongs(document: Mapping[Any, Any]) -> str:
    """The command that reads such a file, where this one does not."""
    keys = {str(key) for key in document}
    if {"model_type", "architectures"} & keys and {"hidden_size", "text_config", "num_hidden_layers"} & keys:
        return ", a model's config.json: give it as the model of `quantadvise recommend`"
    if {"pass@1", "pass@10"} <= keys:
        return ", scores of a harness other than lm-eval: they state no protocol to compare by"
    if {"benchmark", "metric", "model"} <= keys:
        return ", vLLM's copy for PyTorch's benchmark database: import the .json beside it"
    if {"custom_id", "body"} <= keys or {"timestamp", "input_length"} <= keys:
        return ", a log of requests: read it with `quantadvise profiles from-trace`"
    for marks, words in _OTHER_TOOLS:
        if marks <= keys:
            return f", {words}"
    if {"error_type", "serve_overrides"} <= keys:
        return f", a benchmark that failed ({str(document['error_type'])[:40]}): it has no result"
    return ""
