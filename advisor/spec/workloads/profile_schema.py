"""The JSON Schema of a profile, for editors: `python -m advisor.spec.workloads.profile_schema` prints it.

It says what the readers of `profile_keys` accept, with a line on each key. The readers decide; a test
holds the two together on every shipped profile and on a list of right and wrong ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args

from advisor.spec.api_price import MAX_USD_PER_MILLION
from advisor.spec.engines.engine import COUNTS, KvCacheDtype
from advisor.spec.engines.engine_of_profile import FLAGS
from advisor.spec.reading.amounts import LEAST_PERCENT
from advisor.spec.workloads.conversations.conversation import MAX_SYSTEM_TOKENS
from advisor.spec.workloads.conversations.profile_keys import THINK_KEYS, TURNS_KEYS
from advisor.spec.workloads.conversations.turn_distributions import MAX_THINK_S, MAX_TURNS
from advisor.spec.workloads.profile_keys import LENGTH_KEYS, READERS
from advisor.spec.workloads.read_limits import GOODPUT_NAMES, LIMIT_KEY_PATTERN, LIMIT_KEYS
from advisor.spec.workloads.workload import (
    MAX_CONCURRENCY,
    MAX_CONFIDENCE,
    MAX_LATENCY_MS,
    MAX_REQUESTS_PER_S,
    MAX_TOKENS,
    MIN_CONFIDENCE,
    GpuCount,
    Objective,
)

Schema = dict[str, Any]

_LINE: Schema = {"type": "string", "minLength": 1, "pattern": r"\S"}
_TOKENS: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_TOKENS}
_AVERAGE: Schema = {"type": "number", "minimum": 1, "maximum": MAX_TOKENS}
_ABOVE_0: Schema = {"type": "number", "exclusiveMinimum": 0}
_MS: Schema = _ABOVE_0 | {"maximum": MAX_LATENCY_MS}
_RATE = r"^\s*[0-9]"
_PERCENT = r"^\s*([0-9]+([.][0-9]*)?|[.][0-9]+)\s*%?\s*$"
"""A share as text: 97 %, 97%."""


def _share(least: Schema, most: Schema) -> Schema:
    """A share as a number, or as per cent: from 10 on, or with its sign. Readers hold it to the bounds."""
    return {
        "anyOf": [
            {"type": "number"} | least | most,
            {"type": "number", "minimum": LEAST_PERCENT, "maximum": 100},
            {"type": "string", "pattern": _PERCENT},
        ]
    }


_SHARE: Schema = _share({"exclusiveMinimum": 0}, {"maximum": 1})
_NONE: Schema = {"const": "none"}


def _object(properties: Schema, required: tuple[str, ...] = (), **more: object) -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": list(required)} if required else {}) | more


def _lengths_of(
    kind: str, properties: Schema, *needed: tuple[str, ...], keys: Mapping[str, tuple[str, ...]] = LENGTH_KEYS
) -> Schema:
    """One kind of a distribution; `needed` are the sets of keys of which one must be there."""
    if tuple(properties) != keys[kind][1:]:
        raise AssertionError(f"{kind}: {tuple(properties)} are not the keys that are read")
    either = [{"required": list(names)} for names in needed]
    return _object({"kind": {"const": kind}} | properties, anyOf=either)


_LENGTHS: Schema = {
    "anyOf": [
        _AVERAGE,
        _lengths_of("constant", {"value": _AVERAGE}, ("value",)),
        _lengths_of("uniform", {"min": _TOKENS, "max": _TOKENS}, ("min", "max")),
        _lengths_of(
            "lognormal",
            {
                "mean": _AVERAGE | {"description": "average after the cut at min and max"},
                "std": _ABOVE_0 | {"description": "std / mean is the spread before the cut"},
                "cv": _ABOVE_0 | {"maximum": 10, "description": "std / mean, in place of std"},
                "p50": _AVERAGE | {"description": "median before the cut; with p99"},
                "p99": _AVERAGE | {"description": "99th percentile before the cut; with p50"},
                "min": _TOKENS,
                "max": _TOKENS,
            },
            ("mean", "std"),
            ("mean", "cv"),
            ("p50", "p99"),
        ),
        _lengths_of("empirical", {"values": {"type": "array", "items": _TOKENS, "minItems": 1}}, ("values",)),
    ]
}

_TURN_COUNT: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_TURNS}
_MEAN_TURNS: Schema = {"type": "number", "minimum": 1, "maximum": MAX_TURNS}
_TURNS: Schema = {
    "anyOf": [
        _MEAN_TURNS,
        _lengths_of("constant", {"value": _MEAN_TURNS}, ("value",), keys=TURNS_KEYS),
        _lengths_of("uniform", {"min": _TURN_COUNT, "max": _TURN_COUNT}, ("min", "max"), keys=TURNS_KEYS),
        _lengths_of(
            "geometric", {"mean": _MEAN_TURNS | {"description": "one chance to end after each"}}, ("mean",),
            keys=TURNS_KEYS,
        ),
        _lengths_of(
            "empirical", {"values": {"type": "array", "items": _TURN_COUNT, "minItems": 1}}, ("values",),
            keys=TURNS_KEYS,
        ),
    ]
}  # fmt: skip
_PAUSE: Schema = {"type": "number", "minimum": 0, "maximum": MAX_THINK_S}
_MEAN_PAUSE: Schema = _ABOVE_0 | {"maximum": MAX_THINK_S}
_THINK_TIME: Schema = {
    "anyOf": [
        _PAUSE,
        _lengths_of("constant", {"value": _PAUSE}, ("value",), keys=THINK_KEYS),
        _lengths_of("uniform", {"min": _PAUSE, "max": _PAUSE}, ("min", "max"), keys=THINK_KEYS),
        _lengths_of("exponential", {"mean": _MEAN_PAUSE}, ("mean",), keys=THINK_KEYS),
        _lengths_of(
            "lognormal", {"mean": _MEAN_PAUSE, "std": _ABOVE_0, "cv": _ABOVE_0 | {"maximum": 10}},
            ("mean", "std"), ("mean", "cv"), keys=THINK_KEYS,
        ),
        _lengths_of(
            "empirical", {"values": {"type": "array", "items": _PAUSE, "minItems": 1}}, ("values",),
            keys=THINK_KEYS,
        ),
    ]
}  # fmt: skip
_HISTORY: Schema = {
    "anyOf": [{"enum": ["all", "none"]}, {"type": "integer", "minimum": 0, "maximum": MAX_TURNS}]
}

_LOAD: Schema = {
    "anyOf": [
        {"enum": ["single", "maximum"]},
        _object(
            {"concurrency": {"type": "integer", "minimum": 1, "maximum": MAX_CONCURRENCY}},
            ("concurrency",),
        ),
        _object(
            {
                "requests_per_s": {
                    "anyOf": [
                        _ABOVE_0 | {"maximum": MAX_REQUESTS_PER_S},
                        {"type": "string", "pattern": _RATE, "description": "300/min, 10k/day"},
                    ]
                },
                "burstiness": {
                    "type": "number",
                    "minimum": 0.01,
                    "maximum": 1000,
                    "description": "gamma shape of the gaps: 1 is Poisson, smaller is burstier",
                },
            },
            ("requests_per_s",),
        ),
    ]
}

_LIMIT: Schema = {"anyOf": [_MS, {"type": "string", "pattern": r"^\s*(<=|<|≤)?\s*[0-9.]+\s*(ms|s)?\s*$"}]}

_SLO: Schema = {
    "anyOf": [
        _NONE,
        {
            "type": "object",
            # The common keys by name, so that an editor offers them; the pattern takes any percentile.
            "properties": dict.fromkeys(LIMIT_KEYS, _LIMIT),
            "patternProperties": {LIMIT_KEY_PATTERN: _LIMIT},
            "additionalProperties": False,
        },
    ]
}

_GOODPUT: Schema = {
    "anyOf": [
        _LINE | {"description": "as vLLM's --goodput: 'ttft:500 tpot:50 e2el:5000', or 'none'"},
        _object(dict.fromkeys(GOODPUT_NAMES, _LIMIT) | {"min_share": _SHARE}, minProperties=1),
    ]
}

_QUALITY: Schema = {
    "anyOf": [
        _NONE,
        _object(
            {
                "min_recovery": _SHARE | {"description": "least quantized score / BF16 score: 0.99"},
                "recipe": _LINE | {"description": "how and by whom the checkpoint is made: gptq@RedHatAI"},
                "tasks": {
                    "type": "array",
                    "items": _LINE,
                    "uniqueItems": True,
                    "description": "benchmarks or families: knowledge, reasoning, code, chat, long-context, "
                    "instruction-following",
                },
            }
        ),
    ]
}

_USD: Schema = {"type": "number", "minimum": 0, "maximum": MAX_USD_PER_MILLION}
_API_PRICE: Schema = {
    "anyOf": [
        _LINE,
        _USD,
        _object(dict.fromkeys(("prompt", "cached", "answer"), _USD), ("prompt", "answer")),
    ]
}

_ENGINE: Schema = {
    "anyOf": [
        _LINE,
        _object(
            {
                "version": _LINE,
                **{name: {"type": "integer", "minimum": 1} for name in COUNTS},
                "gpu_memory_utilization": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                "kv_cache_dtype": {"enum": list(get_args(KvCacheDtype))},
                **{name: {"type": "boolean"} for name in FLAGS},
            },
            minProperties=1,
        ),
    ]
}

PROPERTIES: dict[str, tuple[Schema, str]] = {
    "name": (_LINE, "What tables call it; the file's name without .yaml unless stated."),
    "about": (_LINE, "One line: what the workload stands for."),
    "source": (_LINE, "Where its lengths and limits were read."),
    "extends": (
        {"anyOf": [_LINE, {"type": "array", "items": _LINE}]},
        "A profile, or several, later over earlier, whose keys hold unless stated here: a name or a path.",
    ),
    "input_tokens": (
        _LENGTHS,
        "Tokens of a prompt: a number or a distribution. In a conversation, of the new prompt of a turn.",
    ),
    "output_tokens": (_LENGTHS, "Tokens of an answer: a number or a distribution."),
    "spread": ({"enum": ["kept", "none"]}, "none: every length of the profile below at its mean."),
    "load": (
        _LOAD,
        "single: one request at a time. concurrency: so many in flight, or so many users if they think "
        "between requests (think_time_s). requests_per_s: they come by themselves, every turn counted. "
        "maximum: all queued at once.",
    ),
    "prefix_hit_rate": (
        _share({"minimum": 0}, {"exclusiveMaximum": 1}),
        "Share of prompt tokens found in the engine's prefix cache; of a conversation it is computed.",
    ),
    "turns": (
        _TURNS,
        "Turns of a conversation, a prompt and its answer each: a mean (2.5 is a mix of 2 and 3) or a "
        "distribution; 1 unless stated.",
    ),
    "think_time_s": (
        _THINK_TIME,
        "Seconds between an answer and the user's next prompt: a number or a distribution; 0 unless stated.",
    ),
    "system_tokens": (
        {"type": "integer", "minimum": 0, "maximum": MAX_SYSTEM_TOKENS},
        "Tokens that every prompt begins with, the same in all conversations; 0 unless stated.",
    ),
    "history": (
        _HISTORY,
        "Earlier turns (prompts and answers) that a prompt repeats: all, none, or so many of the last; all "
        "unless stated.",
    ),
    "longest_request_tokens": (
        {"type": "integer", "minimum": 1, "maximum": MAX_TOKENS},
        "Prompt and answer of the longest request that is known, which the server must take "
        "(--max-model-len); the longest prompt and the longest answer together unless stated.",
    ),
    "slo": (_SLO, "Limits on a statistic over all requests, ms: ttft_p95_ms: 300."),
    "goodput": (_GOODPUT, "Limits that each request must keep by itself, ms, and the share that must."),
    "quality": (_QUALITY, "Accuracy that must be left, and on which tasks."),
    "objective": ({"enum": list(get_args(Objective))}, "What the ranking looks at first."),
    "gpu_count": (
        {"enum": list(get_args(GpuCount))},
        "smallest: each format on the fewest GPUs that hold it. same: all on the count that BF16 needs. "
        "free: searched.",
    ),
    "confidence": (
        _share({"minimum": MIN_CONFIDENCE}, {"maximum": MAX_CONFIDENCE}),
        "Least probability that all limits are kept at once; 0.8 unless stated.",
    ),
    "price_list": (_LINE, "A named list of prices, or none for today's."),
    "api_price": (
        _API_PRICE,
        "What a hosted API asks, USD per million prompt/answer or prompt/cached/answer tokens: 0.20/0.60.",
    ),
    "utilization": (_SHARE, "Mean traffic over a day, as a share of the load that must be served: 0.4."),
    "engine": (_ENGINE, "The release of vLLM, vllm 0.19.0, or with settings that a deployment states."),
}


def profile_schema() -> Schema:
    """JSON Schema (draft 7, which editors know best) of a profile's file."""
    if tuple(PROPERTIES) != tuple(READERS):
        raise AssertionError("a key is read but not described, or described but not read")
    described = {key: {"description": about} | schema for key, (schema, about) in PROPERTIES.items()}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "quantadvise workload profile",
        "description": "What is asked of a model, and what must hold; extends may supply any key.",
    } | _object(described, minProperties=1)


def schema_text() -> str:
    """The schema as it stands in profiles/schema/profile.schema.json."""
    return json.dumps(profile_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
