"""The engine settings that the conditions of a measurement state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from advisor.spec.engines.engine import COUNTS, SETTINGS

_NAMES = "|".join(name.replace("_", "[-_]") for name in SETTINGS)
_WORD = re.compile(rf"\b({_NAMES})[ =](\d[\d.]*|true|false|auto|fp8\w*|bfloat16)\b", re.IGNORECASE)
_SWITCH = re.compile(r"--(no-)?(enable-)?(prefix-caching|async-scheduling|enforce-eager)(?![ =]\w)")
_LEVEL = re.compile(r"--optimization-level[ =](\d)\b|(?<!\S)-O(\d)\b")
_FUSION = re.compile(r'"fuse_allreduce_rms": ?(true|false)')


def stated_settings(conditions: str) -> Mapping[str, Any]:
    """The fields of `Engine` that `conditions` state: `max_num_seqs=64`, or arguments of `vllm serve`."""
    found: dict[str, Any] = {}
    for written, text in _WORD.findall(conditions):
        name, value = written.replace("-", "_").lower(), text.lower().rstrip(".")
        if name in COUNTS and value[0].isdigit():
            found[name] = int(float(value))
        elif name == "gpu_memory_utilization" and value[0].isdigit():
            found[name] = float(value)
        elif name == "kv_cache_dtype" and not value[0].isdigit():
            found[name] = "fp8" if value.startswith("fp8") else value
        elif value in ("true", "false"):
            found[name] = value == "true"
    for no, _, name in _SWITCH.findall(conditions):
        found[name.replace("-", "_")] = not no
    level = _LEVEL.search(conditions)
    if level is not None and (level[1] or level[2]) == "0":
        found["compilation"] = False
    fusion = _FUSION.search(conditions)
    if fusion is not None:
        found["allreduce_fusion"] = fusion[1] == "true"
    return found


def written_settings(settings: Mapping[str, object]) -> list[str]:
    """The words that `stated_settings` reads back, for settings that are stated."""
    return [
        f"{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in settings.items()
        if name in SETTINGS and value is not None
    ]
