"""ModelStarts: for one model, which checkpoint of a format starts where, with which kernels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from advisor.spec.engines.engine import Engine, first_release_for
from advisor.spec.engines.kernel_choice import KernelChoice, KvFormat, kernel_choice, refusal
from advisor.spec.engines.kv_cache_dtype_auto import auto_kv_format, ignores_kv_flag
from advisor.spec.engines.model_shapes import ModelShapes, padded, shapes_of
from advisor.spec.engines.release import is_older
from advisor.spec.engines.sharding import misfit
from advisor.spec.engines.start_table import known_releases, split_rules
from advisor.spec.formats.checkpoint import SIXTEEN_BIT, Checkpoint, made_kind
from advisor.spec.hardware.gpu import GpuSpec
from advisor.spec.models.catalog import base_repo, checkpoints_for
from advisor.spec.models.model import ModelSpec
from advisor.spec.parallelism import Parallelism

MOST_TRIED_SIZE = 32
"""Tensor-parallel sizes up to here are named when one does not load."""
OTHER_ERAS = ("0.33.0", "0.19.0")
"""Releases to answer with where the release's own limits are to be ignored: the newest read, and the newest
whose builds hold kernels for Volta."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A checkpoint and the kernels it gets; `kernels.starts` is False where none of them starts."""

    checkpoint: Checkpoint
    kernels: KernelChoice


class ModelStarts:
    """Answers about one model, each worked out once."""

    def __init__(self, model: ModelSpec) -> None:
        self.model = model
        self.shapes = shapes_of(model)
        self._candidates: dict[str, tuple[Checkpoint, ...]] = {}
        self._known: dict[tuple[object, ...], Start] = {}

    def candidates(self, format: str) -> tuple[Checkpoint, ...]:
        """Checkpoints of a format in the order to offer them: published ones, then what a recipe makes."""
        if format not in self._candidates:
            self._candidates[format] = tuple(_candidates(self.model, format))
        return self._candidates[format]

    def start(
        self,
        format: str,
        gpu: GpuSpec,
        engine: Engine,
        split: Parallelism,
        *,
        kv_format: KvFormat = "16bit",
        checkpoint: Checkpoint | None = None,
    ) -> Start:
        """The first checkpoint of the format that starts; where none does, the refusal of the first that only
        the split keeps out, else of the first."""
        where = (gpu.vendor, gpu.capability, engine.version, engine.takes_any_format)
        sizes = (split.tensor, split.pipeline, split.data, split.expert, split.nodes)
        key = (format, kv_format, where, sizes, checkpoint)
        if key not in self._known:
            versions = (engine.version, *(OTHER_ERAS if engine.takes_any_format else ()))
            tried = [self._at(v, format, gpu, split, kv_format, checkpoint) for v in versions[:1]]
            for version in versions[1:]:
                if tried[-1].kernels.starts:
                    break
                tried.append(self._at(version, format, gpu, split, kv_format, checkpoint))
            self._known[key] = tried[-1] if tried[-1].kernels.starts else tried[0]
        return self._known[key]

    def _at(
        self,
        version: str,
        format: str,
        gpu: GpuSpec,
        split: Parallelism,
        kv_format: KvFormat,
        checkpoint: Checkpoint | None,
    ) -> Start:
        first: Start | None = None
        since = first_release_for(self.model.architecture)
        for candidate in (checkpoint,) if checkpoint is not None else self.candidates(format):
            if since is not None and is_older(version, since):
                choice = refusal("model", f"vLLM serves {self.model.architecture} since {since}", "")
            elif kv_format == "16bit" and ignores_kv_flag(candidate.kind, version):
                why = "its KV scales make the cache FP8 whatever --kv-cache-dtype says"
                choice = refusal("kv", why, "", by_format=True)
            else:
                choice = kernel_choice(
                    *(self._shapes_of(candidate), candidate.kind, gpu, version, split),
                    kv_format=kv_format,
                    format_name=format,
                )
            found = Start(checkpoint=candidate, kernels=choice)
            if choice.starts:
                return found
            # A checkpoint that only the split keeps out is the nearest to starting: on other sizes it does.
            if first is None or (choice.refused_by == "split" and first.kernels.refused_by != "split"):
                first = found
        if first is None:
            made = Checkpoint(kind=SIXTEEN_BIT, format=format)
            why = "no checkpoint of it is published and no recipe makes one"
            return Start(checkpoint=made, kernels=refusal("packaging", why, "", by_format=True))
        return first

    def _shapes_of(self, checkpoint: Checkpoint) -> ModelShapes:
        """The model's sizes; of a checkpoint that pads its feed-forward part, the padded ones."""
        if checkpoint.inner is None or len(self.shapes.inner) != 1:
            return self.shapes
        return padded(self.shapes, checkpoint.inner)

    def auto_kv(
        self, format: str, gpu: GpuSpec, engine: Engine, split: Parallelism, checkpoint: Checkpoint | None
    ) -> KvFormat:
        """The cache's type under `--kv-cache-dtype auto`, for the checkpoint that would be served."""
        found: KvFormat
        for found in ("16bit", "fp8"):
            start = self.start(format, gpu, engine, split, kv_format=found, checkpoint=checkpoint)
            kind = start.checkpoint.kind
            if auto_kv_format(kind, self.model.model_type, gpu, engine.version) == found:
                return found
        return "16bit"

    def split_misfit(self, split: Parallelism, version: str) -> str | None:
        """Why the model itself, whatever its format, does not split so; None where it does."""
        broken = misfit(split_rules(version, "none", "16bit"), self.shapes, SIXTEEN_BIT, split)
        return None if broken is None or broken.experts else broken.why

    def sizes_that_split(self, version: str) -> list[int]:
        """Tensor-parallel sizes up to 32 over which the model splits at 16 bits."""
        sizes = range(1, MOST_TRIED_SIZE + 1)
        return [n for n in sizes if self.split_misfit(Parallelism(tensor=n), version) is None]

    def sizes_that_load(self, format: str, gpu: GpuSpec, engine: Engine, kv_format: KvFormat) -> list[int]:
        """Tensor-parallel sizes up to 32 on which a checkpoint of the format starts."""
        return [
            size
            for size in range(1, MOST_TRIED_SIZE + 1)
            if self.start(format, gpu, engine, Parallelism(tensor=size), kv_format=kv_format).kernels.starts
        ]

    def release_that_serves(
        self, format: str, gpu: GpuSpec, engine: Engine, split: Parallelism, kv_format: KvFormat
    ) -> tuple[str, Start] | None:
        """The release that starts a checkpoint of the format, with what it starts; None where none does.

        The first one after `engine` that does; where no later one does, the newest before it.
        """
        later = [v for v in reversed(known_releases()) if is_older(engine.version, v)]
        before = [v for v in known_releases() if is_older(v, engine.version)]
        for version in (*later, *before):
            found = self._at(version, format, gpu, split, kv_format, None)
            if found.kernels.starts:
                return version, found
        return None


def _candidates(model: ModelSpec, format: str) -> Iterator[Checkpoint]:
    is_16bit = format in ("bf16", "fp16")
    if is_16bit and model.native_format is None:
        own = model.hf_id
        yield Checkpoint(
            kind=SIXTEEN_BIT, format=format, repo=own, base_repo=own, evidence="own", official=True
        )
        return
    # FP8 run weight-only is the same file as FP8.
    stored = "fp8" if format == "fp8-w8a16" else format
    for published in checkpoints_for(model, stored):
        kind = replace(published.kind, scheme="fp8-a16", packaging="compressed-tensors")
        yield replace(published, kind=kind, format=format) if stored != format else published
    if model.native_format == stored:
        return
    kind_made = made_kind(format)
    if kind_made is not None:
        yield Checkpoint(kind=kind_made, format=format, base_repo=base_repo(model))


_STARTS: dict[int, ModelStarts] = {}
MOST_MODELS = 64


def starts_of(model: ModelSpec) -> ModelStarts:
    """The answers about `model`; the same object for the same model."""
    found = _STARTS.get(id(model))
    if found is None or found.model is not model:
        if len(_STARTS) >= MOST_MODELS:
            _STARTS.clear()
        found = _STARTS[id(model)] = ModelStarts(model)
    return found
