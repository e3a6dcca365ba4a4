"""The settings of an engine as options of `vllm serve`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias

from advisor.spec.engines.engine import Engine

Setting: TypeAlias = str | int | float | bool
"""Value of an option of `vllm serve`."""


def engine_options(engine: Engine) -> dict[str, Setting]:
    """What the engine states beside its release's defaults, but for the KV cache's type.

    That type is the deployment's own (`Deployment.kv_format`).
    """

    def either(name: str, value: bool | None) -> dict[str, Setting | None]:
        return {} if value is None else {name if value else f"no-{name}": True}

    fusion = engine.allreduce_fusion
    passes = None if fusion is None else json.dumps({"pass_config": {"fuse_allreduce_rms": fusion}})
    options: dict[str, Setting | None] = {
        "max-num-seqs": engine.max_num_seqs,
        "max-num-batched-tokens": engine.max_num_batched_tokens,
        "gpu-memory-utilization": engine.gpu_memory_utilization,
        **either("enable-prefix-caching", engine.prefix_caching),
        **either("async-scheduling", engine.async_scheduling),
        "enforce-eager": engine.enforce_eager or None,
        "optimization-level": 0 if engine.compilation is False else None,
        "compilation-config": passes,
        "stream-interval": engine.stream_interval,
    }
    return {name: value for name, value in options.items() if value is not None}


def option_words(settings: Mapping[str, Setting]) -> list[str]:
    """Settings as words of a command line."""
    words: list[str] = []
    for name, value in settings.items():
        words.append(f"--{name}")
        if not isinstance(value, bool):
            words.append(f"{value:g}" if isinstance(value, float) else str(value))
    return words
