"""The section `engine` of a profile: a release of vLLM, and the settings that a deployment states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from advisor.errors import QuantAdviseError
from advisor.spec.engines.engine import (
    COUNTS,
    SETTINGS,
    Engine,
    KvCacheDtype,
    newest_version,
    parse_engine,
)
from advisor.spec.engines.speculative import NAMES, refusal
from advisor.spec.reading.given_value import Given
from advisor.spec.reading.located_yaml import plain_number

FLAGS = ("prefix_caching", "async_scheduling", "enforce_eager", "compilation", "allreduce_fusion")
MAX_COUNT = 10_000_000


def refuse_speculative(stated: Mapping[str, Given], section: str = "") -> None:
    """Refuse keys of speculative decoding. section: `engine.` where they stand in a profile's engine."""
    for key in NAMES:
        if key in stated:
            raise refusal(str(stated[key].value), where=f"{stated[key].place}: {section}{key}")


def read_engine(given: Given) -> Engine:
    """`vllm 0.19.0`, or `{version: vllm 0.19.0, max_num_seqs: 64, enforce_eager: true}`."""
    if not isinstance(given.value, Mapping):
        return _release(given)
    stated_keys = given.mapping()
    refuse_speculative(stated_keys, "engine.")
    entries = given.keys(("version", *SETTINGS))
    engine = _release(entries["version"]) if "version" in entries else Engine(version=newest_version())
    stated: dict[str, Any] = {}
    for name, entry in entries.items():
        if name in COUNTS:
            stated[name] = entry.whole(low=1, high=MAX_COUNT)
        elif name in FLAGS:
            stated[name] = _flag(entry)
        elif name == "gpu_memory_utilization":
            stated[name] = entry.share(above=0)
        elif name == "kv_cache_dtype":
            stated[name] = entry.choice(get_args(KvCacheDtype))
    return replace(engine, **stated)


def write_engine(engine: Engine) -> object:
    """What `read_engine` turns back into the same engine."""
    settings = {
        name: plain_number(value) if isinstance(value, float) else value
        for name, value in engine.stated.items()
    }
    return {"version": str(engine), **settings} if settings else str(engine)


def engine_text(engine: Engine) -> str:
    """`vllm 0.32.0, max_num_seqs 64, enforce_eager true`."""
    words = [str(engine)]
    for name, value in engine.stated.items():
        words.append(f"{name} {str(value).lower() if isinstance(value, bool) else value}")
    return ", ".join(words)


def _release(given: Given) -> Engine:
    try:
        return parse_engine(given.text())
    except QuantAdviseError as error:
        raise given.error(str(error)) from error


def _flag(given: Given) -> bool:
    if not isinstance(given.value, bool):
        raise given.error(f"expected true or false, found '{given.value}'")
    return given.value
