"""Settings that another's running server states; what it does not state stays unknown."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from advisor.errors import InputError, QuantAdviseError, ToolFailedError, UnsupportedError
from advisor.measure.tools import http
from advisor.spec.engines.settings_from_conditions import written_settings
from advisor.spec.models.catalog import find_model

OTHER_ENGINES = {"sglang:": "SGLang", "tgi_": "TGI", "trtllm_": "TensorRT-LLM"}
"""How the metrics of other engines begin."""
PROBE_TOKENS = 512
"""Four KV blocks of vLLM's CPU build (128 tokens), 32 of its CUDA build."""
MAX_UNPLANNED_HITS = 0.02
"""Share of prompt tokens from the prefix cache above which a row is no measurement of whole prompts."""

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_CACHE_INFO = re.compile(r"^vllm:cache_config_info\{(.*)\} ", re.MULTILINE)
_COUNTER = re.compile(r"^vllm:prefix_cache_(hits|queries)_total(?:\{[^}]*\})? ([-+0-9.eE]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningServer:
    """A server's own statements; None and absent keys are unknown."""

    url: str
    served_name: str
    root: str | None
    """The checkpoint that its model card names."""
    version: str | None
    is_vllm: bool
    """Whether its version or its metrics are vLLM's."""
    max_model_len: int | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `Engine`: prefix_caching (probed), kv_cache_dtype, gpu_memory_utilization."""
    kv_cache_tokens: int | None = None

    @property
    def unknown(self) -> tuple[str, ...]:
        """What moves speed and the server does not state."""
        rows = {
            "engine": self.is_vllm or None,
            "engine version": self.version,
            "prefix caching": self.settings.get("prefix_caching"),
            "KV cache type": self.settings.get("kv_cache_dtype"),
        }
        return tuple(name for name, value in rows.items() if value is None)

    @property
    def kv_format(self) -> str:
        """KV cache as records write it; 16 bits where the server states none (`unknown` names it then)."""
        return "fp8" if str(self.settings.get("kv_cache_dtype", "")).startswith("fp8") else "16bit"

    def conditions(self) -> str:
        """The statements in the words of records. No command: nobody here ran one."""
        words = ["a running server"]
        if self.root is not None:
            words.append(f"model card {self.root}")
        if self.max_model_len is not None:
            words.append(f"max_model_len={self.max_model_len}")
        words += written_settings(self.settings)
        if self.kv_cache_tokens is not None:
            words.append(f"KV cache {self.kv_cache_tokens} tokens")
        if self.unknown:
            words.append(f"unknown: {', '.join(self.unknown)}")
        return "; ".join(words)

    def identity(self) -> dict[str, Any]:
        """What decides how it behaves, as far as it is known."""
        return {
            "served_name": self.served_name,
            "root": self.root,
            "version": self.version,
            "max_model_len": self.max_model_len,
            "settings": dict(self.settings),
        }


def cache_settings(metrics: str) -> dict[str, Any]:
    """Engine settings in vLLM's `cache_config_info`; empty where a server has no such metric."""
    match = _CACHE_INFO.search(metrics)
    if match is None:
        return {}
    labels = dict(_LABEL.findall(match[1]))
    found: dict[str, Any] = {}
    if labels.get("enable_prefix_caching") in ("True", "False"):
        found["prefix_caching"] = labels["enable_prefix_caching"] == "True"
    dtype = labels.get("cache_dtype", "")
    if dtype.startswith("fp8"):
        found["kv_cache_dtype"] = "fp8"
    elif dtype in ("auto", "bfloat16"):
        found["kv_cache_dtype"] = dtype
    with contextlib.suppress(KeyError, ValueError):
        share = float(labels["gpu_memory_utilization"])
        if 0 < share <= 1:
            found["gpu_memory_utilization"] = share
    return found


def kv_cache_tokens(metrics: str) -> int | None:
    """Blocks of the KV cache times their size, as `cache_config_info` states them."""
    match = _CACHE_INFO.search(metrics)
    labels = dict(_LABEL.findall(match[1])) if match else {}
    blocks, size = labels.get("num_gpu_blocks", ""), labels.get("block_size", "")
    return int(blocks) * int(size) if blocks.isdecimal() and size.isdecimal() else None


def prefix_counters(metrics: str) -> tuple[float, float] | None:
    """(tokens from the prefix cache, tokens looked up there) since the server began; None without them."""
    sums: dict[str, float] = {}
    for name, value in _COUNTER.findall(metrics):
        with contextlib.suppress(ValueError):
            sums[name] = sums.get(name, 0.0) + float(value)
    return (sums["hits"], sums["queries"]) if {"hits", "queries"} <= sums.keys() else None


def hit_rate(before: tuple[float, float] | None, after: tuple[float, float] | None) -> float | None:
    """Share of the prompt tokens between two readings that came from the prefix cache; None if unknown."""
    if before is None or after is None or after[1] <= before[1]:
        return None
    return min(max((after[0] - before[0]) / (after[1] - before[1]), 0.0), 1.0)


def metrics_of(url: str) -> str:
    """The text of /metrics; empty where a server has none."""
    try:
        return http.fetch(f"{url}/metrics").decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def probe_prefix_caching(url: str, served_name: str, max_model_len: int | None) -> bool | None:
    """Whether the second of two equal prompts comes from the prefix cache; None where nothing shows it."""
    tokens = min(PROBE_TOKENS, (max_model_len or PROBE_TOKENS) - 8)
    if tokens < PROBE_TOKENS // 4:
        return None
    # Small token ids: every vocabulary has them. Unseeded: a prompt that the server has never received.
    draw = random.SystemRandom()
    body = {
        "model": served_name,
        "prompt": [draw.randrange(16, 240) for _ in range(tokens)],
        "max_tokens": 1,
        "temperature": 0,
    }
    try:
        http.fetch(f"{url}/v1/completions", deadline_s=60, body=body)
        before = prefix_counters(metrics_of(url))
        second = http.fetch_json(f"{url}/v1/completions", deadline_s=60, body=body)
    except (OSError, ValueError):
        return None
    after = prefix_counters(metrics_of(url))
    if before is not None and after is not None:
        return after[0] > before[0]
    with contextlib.suppress(KeyError, TypeError, AttributeError):
        cached = second["usage"]["prompt_tokens_details"]["cached_tokens"]
        return isinstance(cached, int) and cached > 0
    return None


def inspect(url: str, model: str, *, deadline_s: float = 10.0) -> RunningServer:
    """All that the server of `model` states. Raises InputError, ToolFailedError, UnsupportedError."""
    base = http.base_url(url)
    card = model_card(base, deadline_s=deadline_s)
    name, root = str(card["id"]), card.get("root")
    _check_model(base, root if isinstance(root, str) else name, model)
    metrics = metrics_of(base)
    for start, engine in OTHER_ENGINES.items():
        if re.search(rf"^{start}", metrics, re.MULTILINE) and "vllm:" not in metrics:
            raise UnsupportedError(f"{base}: {engine} serves there; records and predictions are of vLLM")
    version = version_of(base)
    length = card.get("max_model_len")
    length = length if isinstance(length, int) and not isinstance(length, bool) and length > 0 else None
    settings = cache_settings(metrics)
    probed = probe_prefix_caching(base, name, length)
    if probed is not None:
        settings["prefix_caching"] = probed
    return RunningServer(
        url=base,
        served_name=name,
        root=root if isinstance(root, str) and root.isprintable() else None,
        version=version,
        is_vllm="vllm:" in metrics or card.get("owned_by") == "vllm",
        max_model_len=length,
        settings=settings,
        kv_cache_tokens=kv_cache_tokens(metrics),
    )


def version_of(base: str) -> str | None:
    """vLLM's version as the server states it; None where it states none."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        version = http.fetch_json(f"{base}/version")["version"]
        if isinstance(version, str) and re.fullmatch(r"\d[\w.+-]{0,60}", version):
            return version
    return None


def model_card(base: str, *, deadline_s: float = 10.0) -> Mapping[str, Any]:
    """The first entry of /v1/models. Raises ToolFailedError where the server does not answer well."""
    try:
        cards = http.fetch_json(f"{base}/v1/models", deadline_s=deadline_s)["data"]
        named = [card for card in cards if isinstance(card["id"], str) and card["id"].isprintable()]
    except http.StatusError as error:
        raise ToolFailedError(f"{base}/v1/models: {error}; is it the server?") from error
    except TimeoutError as error:
        raise ToolFailedError(f"{base}: {error}; is the server up?") from error
    except OSError as error:
        raise ToolFailedError(f"{base}: {error.strerror or error}; is the server up?") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ToolFailedError(f"{base}/v1/models: not an OpenAI-style list of models") from error
    if not named:
        raise ToolFailedError(f"{base}/v1/models: serves no model")
    found: Mapping[str, Any] = named[0]
    return found


def _check_model(base: str, served: str, model: str) -> None:
    """Refuse a server of another model, where the catalog knows both. Raises InputError."""
    try:
        theirs, ours = find_model(served).name, find_model(model).name
    except QuantAdviseError:
        return
    if theirs != ours:
        raise InputError(f"{base}: serves {served}, which is {theirs}, not {ours}; give its --model")
