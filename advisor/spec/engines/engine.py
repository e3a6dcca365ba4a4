"""Engine: the serving program, its version, and the settings that shape speed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal, TypeVar

from advisor.errors import InputError, UnknownNameError
from advisor.spec.engines.release import holds_at, is_older, order
from advisor.spec.engines.start_table import known_releases
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.reading.catalog_yaml import read_catalog
from advisor.units import GIB, MIB

T = TypeVar("T")

Generation = Literal["v0", "v1"]
Usage = Literal["server", "offline"]
"""server: `vllm serve`, the OpenAI-style API. offline: the LLM class, all requests known at once."""

KvCacheDtype = Literal["auto", "fp8", "bfloat16"]

MAX_MINORS_AHEAD = 20
"""Releases that came after this program was written are taken; versions far beyond them are slips."""
_ENGINE = re.compile(r"(?P<name>[A-Za-z]{2,}(?:-[A-Za-z]+)*)?(?:[\s=@:-]*v?(?P<version>[0-9][\w.+-]*))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A version of vLLM with its settings; None = that version's default (see `defaults`)."""

    name: Literal["vllm"] = "vllm"
    version: str = "0.32.0"
    max_num_seqs: int | None = None
    """Most sequences in one step (`--max-num-seqs`)."""
    max_num_batched_tokens: int | None = None
    """Most tokens in one step (`--max-num-batched-tokens`)."""
    gpu_memory_utilization: float | None = None
    prefix_caching: bool | None = None
    kv_cache_dtype: KvCacheDtype = "auto"
    """auto: as the checkpoint says (see `kv_format_of`), 16 bits where it carries no KV scales."""
    async_scheduling: bool | None = None
    """True: the next step is prepared on the CPU while the GPU runs this one."""
    enforce_eager: bool | None = None
    """True: no CUDA graphs and no compilation; every kernel is launched anew."""
    compilation: bool | None = None
    """False: no torch.compile and so none of its fusions (`-O0`)."""
    allreduce_fusion: bool | None = None
    """True: the all-reduce, the addition and the norm after it are one kernel (FlashInfer)."""
    stream_interval: int | None = None
    """Tokens that are sent to the client together (`--stream-interval`)."""
    takes_any_format: bool = False
    """True: also formats that its version is too old for, as a patched build or another layout may."""

    def __post_init__(self) -> None:
        counts = (self.max_num_seqs, self.max_num_batched_tokens, self.stream_interval)
        if any(count is not None and count < 1 for count in counts):
            raise InputError(
                f"engine: sequences, tokens of a step and stream_interval are at least 1, not {counts}"
            )

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def release(self) -> str:
        """The version's first two numbers: `0.11` of `0.11.2`."""
        return ".".join(self.version.split(".")[:2])

    @property
    def stated(self) -> Mapping[str, Any]:
        """The settings that differ from the release's default, by field name."""
        rows = ((name, getattr(self, name)) for name in SETTINGS)
        return {name: value for name, value in rows if value is not None and value != "auto"}


SETTINGS = (
    "max_num_seqs",
    "max_num_batched_tokens",
    "gpu_memory_utilization",
    "prefix_caching",
    "kv_cache_dtype",
    "async_scheduling",
    "enforce_eager",
    "compilation",
    "allreduce_fusion",
    "stream_interval",
)
"""What profiles, commands, `--cells` and records can state of an engine; a contract."""
COUNTS = ("max_num_seqs", "max_num_batched_tokens", "stream_interval")
"""Settings that are whole numbers from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineDefaults:
    """What a version of the engine sets on one GPU: its defaults, or what an `Engine` states instead."""

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
    graph_context_limit: int | None
    """Longest context a CUDA graph serves (`max_seq_len_to_capture`); longer ones run eagerly,
    launch by launch. None: no limit."""
    graph_batch_limit: int
    """Largest decode batch a CUDA graph serves; 0 = none does (eager mode)."""
    source: str
    """Where the figures stand: file@version."""
    largest_graph: int | None = None
    """The bound on `graph_batch_limit` whatever `max_num_seqs` is."""
    enforce_eager: bool = False
    compilation: bool = True
    full_graphs: bool = False
    """True: one CUDA graph holds a whole decode step; False: attention is launched apart (piecewise)."""
    allreduce_fusion: bool = False
    """True: the fusion is on where `allreduce_fusion_bytes` allows it."""
    allreduce_fusion_bytes: Mapping[int, int] = field(default_factory=dict, hash=False)
    """Largest activations that are fused, by tensor-parallel size; a size that is absent never is."""
    symmetric_memory: bool = False
    """True: NVLink multicast all-reduce (torch symmetric memory)."""
    stream_interval: int = 1
    hybrid_prefix_caching: bool = False
    """Whether models with Mamba or linear-attention layers cache prefixes, too."""


def newest_version() -> str:
    """The vLLM release that answers are for where none is named."""
    return str(read_catalog("engines.yaml")["newest"])


def parse_engine(text: str) -> Engine:
    """`vllm 0.7.2`, `vLLM 0.6.4.post1`, `v0.11.0`, `0.19.0` as an Engine; `vllm` alone is `newest_version`.

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
    newest = order(newest_version())
    if order(version)[:2] > (newest[0], newest[1] + MAX_MINORS_AHEAD) or not version.isascii():
        raise InputError(
            f"engine '{text}': vLLM has no such release; the newest read is {known_releases()[0]}"
        )
    return Engine(version=version)


def defaults(
    engine: Engine, gpu: GpuSpec, *, max_model_len: int | None = None, usage: Usage = "server"
) -> EngineDefaults:
    """What `engine` sets on `gpu` when nothing is said; the settings `engine` does say win.

    `max_model_len` matters to V0 only: it chunks prompts when the model's maximum length is above
    32768 tokens, and otherwise prefills a whole prompt per step. None is taken as such a long length.
    V0 did not chunk for models with sliding windows, LoRA or speculative decoding either; they are not
    told apart here.
    """
    catalog = read_catalog("engines.yaml")
    row = _release(engine.version)
    if row["generation"] == "v1" and _has(gpu, row.get("needs", {})):
        settings = _v1(engine, catalog, row, gpu, usage)
    else:
        settings = _v0(catalog, row, gpu, max_model_len)
    return _stated(engine, settings)


def _stated(engine: Engine, settings: EngineDefaults) -> EngineDefaults:
    """The settings with what `engine` states in place of the release's defaults."""
    max_num_seqs = _either(engine.max_num_seqs, settings.max_num_seqs)
    eager = _either(engine.enforce_eager, settings.enforce_eager)
    compiled = _either(engine.compilation, settings.compilation and not eager)
    fused = _either(engine.allreduce_fusion, settings.allreduce_fusion and compiled)
    graphs = settings.graph_batch_limit
    if engine.max_num_seqs is not None and settings.generation == "v1":
        graphs = min(2 * max_num_seqs, settings.largest_graph or graphs)
    return replace(
        settings,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=_either(engine.max_num_batched_tokens, settings.max_num_batched_tokens),
        gpu_memory_utilization=_either(engine.gpu_memory_utilization, settings.gpu_memory_utilization),
        prefix_caching=_either(engine.prefix_caching, settings.prefix_caching),
        async_scheduling=_either(engine.async_scheduling, settings.async_scheduling),
        enforce_eager=eager,
        compilation=compiled,
        full_graphs=settings.full_graphs and not eager,
        allreduce_fusion=fused,
        stream_interval=_either(engine.stream_interval, settings.stream_interval),
        graph_batch_limit=0 if eager else graphs,
    )


def with_prefix_caching(engine: Engine) -> Engine:
    """The engine with `--enable-prefix-caching`, where its release (V0) leaves it off unless stated."""
    off = engine.prefix_caching is None and _release(engine.version)["generation"] == "v0"
    return replace(engine, prefix_caching=True) if off else engine


def default_settings(version: str) -> Mapping[str, Mapping[str, Any]]:
    """The row of each setting that holds for a release, by setting; each names where it was read."""
    rows: list[Mapping[str, Any]] = read_catalog("engines.yaml")["settings"]
    return {row["setting"]: row for row in rows if holds_at(row, version)}


def _either(said: T | None, shipped: T) -> T:
    return shipped if said is None else said


def _v1(
    engine: Engine, catalog: Mapping[str, Any], row: Mapping[str, Any], gpu: GpuSpec, usage: Usage
) -> EngineDefaults:
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
        graph_context_limit=None,
        graph_batch_limit=min(2 * tier["max_num_seqs"], graph_limit),
        largest_graph=graph_limit,
        source=_source(row),
        **_v1_settings(engine.version, gpu),
    )


def _v1_settings(version: str, gpu: GpuSpec) -> dict[str, Any]:
    """The settings of V1 that are rows of the catalog's `settings`, on one GPU."""
    rows = default_settings(version)
    fusion = rows["allreduce_fusion"]
    fused = {int(tp): int(mib * MIB) for tp, mib in _by_capability(fusion.get("mib", {}), gpu).items()}
    symmetric = rows["symmetric_memory"]
    return {
        "full_graphs": rows["cuda_graphs"]["value"] == "full and piecewise",
        "allreduce_fusion": bool(fusion["value"]) and bool(fused),
        "allreduce_fusion_bytes": fused,
        "symmetric_memory": bool(symmetric["value"]) and gpu.vendor == "nvidia" and 9 <= gpu.capability < 11,
        "stream_interval": rows["stream_interval"]["value"],
        "hybrid_prefix_caching": rows["hybrid_prefix_caching"]["value"],
    }


def _by_capability(sizes: Mapping[str, Mapping[int, float]], gpu: GpuSpec) -> Mapping[int, float]:
    """The entry of the GPU's capability; NVIDIA's alone are listed."""
    return sizes.get(f"{gpu.capability:.1f}", {}) if gpu.vendor == "nvidia" else {}


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
        and gpu.capability not in wanted.get("not_capability", ())
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


def _release(version: str) -> Mapping[str, Any]:
    """The newest catalog row that is not newer than `version`."""
    rows: list[Mapping[str, Any]] = read_catalog("engines.yaml")["releases"]
    wanted = order(version)
    for row in rows:
        if order(row["since"]) <= wanted:
            return row
    raise InputError(f"vllm {version}: its defaults are not known; give {rows[-1]['since']} or newer")


def _source(row: Mapping[str, Any]) -> str:
    return f"vllm/engine/arg_utils.py and vllm/config of vLLM {row.get('read', row['since'])}"


__all__ = [
    "SETTINGS",
    "Engine",
    "EngineDefaults",
    "Generation",
    "KvCacheDtype",
    "Usage",
    "default_settings",
    "defaults",
    "first_release_for",
    "is_older",
    "newest_version",
    "parse_engine",
]
