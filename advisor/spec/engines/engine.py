"""Engine: the serving program, its version, and the settings that shape speed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, TypeVar

from advisor.errors import InputError, UnknownNameError
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.reading.catalog_yaml import read_catalog
from advisor.units import GIB

T = TypeVar("T")

Generation = Literal["v0", "v1"]
Usage = Literal["server", "offline"]
"""server: `vllm serve`, the OpenAI-style API. offline: the LLM class, all requests known at once."""

_ENGINE = re.compile(r"(?P<name>[A-Za-z]{2,}(?:-[A-Za-z]+)*)?(?:[\s=@:-]*v?(?P<version>\d[\w.+-]*))?")
_VERSION = re.compile(
    r"(?P<release>\d+(\.\d+){0,3})(?P<pre>\.?(rc|a|b|dev)\d*)?(\.?post(?P<post>\d+))?([+-][\w.+-]*)?"
)
"""Release, pre-release, post-release; what follows a + or - is a local build and does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A version of vLLM with its settings; None = that version's default (see `defaults`)."""

    name: Literal["vllm"] = "vllm"
    version: str = "0.32.0"
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    gpu_memory_utilization: float | None = None
    prefix_caching: bool = False
    takes_any_format: bool = False
    """True: also formats that its version is too old for, as a patched build or another layout may."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineDefaults:
    """What a version of the engine sets when nothing is said, on one GPU."""

    generation: Generation
    max_num_seqs: int
    """Sequences in one step at most."""
    max_num_batched_tokens: int
    """Tokens in one step at most: the budget that chunked prefill shares with decode."""
    gpu_memory_utilization: float
    """Share of device memory for weights, activations and KV cache together."""
    chunked_prefill: bool
    """False: a prompt is prefilled whole, and decode waits for it."""
    prefix_caching: bool
    async_scheduling: bool
    """True: the next step is prepared on the CPU while the GPU runs this one."""
    block_size: int
    """Tokens of one KV block."""
    graph_context_limit: int | None
    """Longest context a CUDA graph serves (`max_seq_len_to_capture`); longer ones run eagerly,
    launch by launch. None: no limit."""
    graph_batch_limit: int
    """Largest decode batch a CUDA graph serves."""
    source: str
    """Where the figures stand: file@version."""


def newest_version() -> str:
    """The newest vLLM release whose defaults were read."""
    return str(read_catalog("engines.yaml")["newest"])


def parse_engine(text: str) -> Engine:
    """`vllm 0.7.2`, `vLLM 0.6.4.post1`, `v0.11.0`, `0.19.0` as an Engine; `vllm` alone is the newest.

    Raises InputError for another engine's name, or a version that is none or too old.
    """
    match = _ENGINE.fullmatch(text.strip())
    if match is None or not text.strip():
        raise InputError(f"engine '{text}': expected a name and a version; write it like 'vllm 0.11.0'")
    name, version = match["name"], match["version"]
    if name and name.lower() != "vllm":
        raise UnknownNameError(f"unknown engine '{name}'; known: vllm")
    if version is None:
        return Engine(version=newest_version())
    _release(version)
    return Engine(version=version)


def defaults(
    engine: Engine, gpu: GpuSpec, *, max_model_len: int | None = None, usage: Usage = "server"
) -> EngineDefaults:
    """What `engine` sets on `gpu` when nothing is said; the settings `engine` does say win.

    `max_model_len` matters to V0 only: it chunks prompts when the model's maximum length is above
    32768 tokens, and otherwise prefills a whole prompt per step. None is taken as such a long length.
    V0 did not chunk for models with sliding windows, LoRA or speculative decoding either; they are not
    told apart here. `prefix_caching` is the version's own default, whatever `engine.prefix_caching` says.
    """
    catalog = read_catalog("engines.yaml")
    row = _release(engine.version)
    if row["generation"] == "v1" and _has(gpu, row.get("needs", {})):
        settings = _v1(catalog, row, gpu, usage)
    else:
        settings = _v0(catalog, row, gpu, max_model_len)
    return replace(
        settings,
        max_num_seqs=_either(engine.max_num_seqs, settings.max_num_seqs),
        max_num_batched_tokens=_either(engine.max_num_batched_tokens, settings.max_num_batched_tokens),
        gpu_memory_utilization=_either(engine.gpu_memory_utilization, settings.gpu_memory_utilization),
    )


def _either(said: T | None, shipped: T) -> T:
    return shipped if said is None else said


def _v1(catalog: Mapping[str, Any], row: Mapping[str, Any], gpu: GpuSpec, usage: Usage) -> EngineDefaults:
    tier = next(tier for tier in row["tiers"] if _has(gpu, tier))
    graph_limit = row["graph_batch_limit"]
    if gpu.vendor == "nvidia" and 10 <= gpu.capability < 11:
        graph_limit = row.get("graph_batch_limit_blackwell", graph_limit)
    return EngineDefaults(
        generation="v1",
        max_num_seqs=tier["max_num_seqs"],
        max_num_batched_tokens=tier["budget"][usage],
        gpu_memory_utilization=row["gpu_memory_utilization"],
        chunked_prefill=True,
        prefix_caching=True,
        async_scheduling=row["async_scheduling"],
        block_size=catalog["block_size"],
        graph_context_limit=None,
        graph_batch_limit=min(2 * tier["max_num_seqs"], graph_limit),
        source=_source(row),
    )


def _v0(
    catalog: Mapping[str, Any], row: Mapping[str, Any], gpu: GpuSpec, max_model_len: int | None
) -> EngineDefaults:
    v0 = catalog["v0"]
    chunk_budget = row.get("long_context_budget", v0["long_context_budget"])
    vendor = row.get("long_context_vendor", v0["long_context_vendor"])
    is_long = max_model_len is None or max_model_len > v0["long_context_tokens"]
    chunked = chunk_budget is not None and is_long and vendor in (None, gpu.vendor)
    whole_prompt = max(
        v0["long_context_tokens"] if max_model_len is None else max_model_len, v0["min_budget"]
    )
    return EngineDefaults(
        generation="v0",
        max_num_seqs=v0["max_num_seqs"],
        max_num_batched_tokens=chunk_budget if chunked else whole_prompt,
        gpu_memory_utilization=row["gpu_memory_utilization"],
        chunked_prefill=chunked,
        prefix_caching=False,
        async_scheduling=False,
        block_size=catalog["block_size"],
        graph_context_limit=v0["graph_context_limit"],
        graph_batch_limit=v0["graph_batch_limit"],
        source=_source(row),
    )


def _has(gpu: GpuSpec, wanted: Mapping[str, Any]) -> bool:
    """Whether `gpu` is what a row asks for; vLLM looks for the names inside the device's name."""
    title = gpu.title.lower()
    return (
        gpu.memory_bytes >= wanted.get("min_memory_gib", 0) * GIB
        and wanted.get("vendor", gpu.vendor) == gpu.vendor
        and (gpu.vendor != "nvidia" or gpu.capability >= wanted.get("min_capability", 0.0))
        and any(part in title for part in wanted.get("named", ("",)))
        and not any(part in title for part in wanted.get("not_named", ()))
    )


@lru_cache(maxsize=1)
def _first_releases() -> Mapping[str, str]:
    rows: list[Mapping[str, Any]] = read_catalog("engines.yaml")["models"]
    return {architecture: row["since"] for row in rows for architecture in row["architectures"]}


def first_release_for(architecture: str) -> str | None:
    """The release that first serves models of an architecture; None = every one, or not known."""
    return _first_releases().get(architecture)


def is_older(version: str, release: str) -> bool:
    """Whether `version` came before `release`; raises InputError for what is no version."""
    return _order(version) < _order(release)


def _release(version: str) -> Mapping[str, Any]:
    """The newest catalog row that is not newer than `version`."""
    rows: list[Mapping[str, Any]] = read_catalog("engines.yaml")["releases"]
    wanted = _order(version)
    for row in rows:
        if _order(row["since"]) <= wanted:
            return row
    raise InputError(f"vllm {version}: its defaults are not known; give {rows[-1]['since']} or newer")


@lru_cache(maxsize=64)
def _order(version: str) -> tuple[int, ...]:
    """Numbers that sort as releases do: `0.6.4.post1` after `0.6.4`, `0.8.0rc1` before `0.8.0`."""
    match = _VERSION.fullmatch(version)
    if match is None:
        raise InputError(f"engine version '{version}': expected numbers and dots; write it like '0.11.0'")
    release = [int(part) for part in match["release"].split(".")]
    padded = (*release, 0, 0, 0, 0)[:4]
    return (*padded, -1 if match["pre"] else int(match["post"] or 0))


def _source(row: Mapping[str, Any]) -> str:
    return f"vllm/engine/arg_utils.py and vllm/config of vLLM {row.get('read', row['since'])}"
