"""A checkpoint on disk: its identity, and whether it is in the format that it should be."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.errors import DataError, InputError
from advisor.measure.tools import digests, result_files
from advisor.spec.formats.recipes import Recipe
from advisor.spec.models.catalog import find_model
from advisor.spec.reading.file_bytes import is_there

MAX_CONFIG_BYTES = 100_000_000
HASHED_BYTES = 1 << 30
"""Bytes up to which a weight file is identified by all of its content; a larger one by header, size and
time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where the weights are, and what tells them from any other."""

    path: str
    """A local folder, or a Hub name."""
    identity: str
    """Digest of files, or name@revision."""
    weight_bytes: int | None = None
    files: tuple[tuple[str, int, str | None], ...] = ()
    """Name, bytes and SHA-256 of each weight file; no hash where a file is too large to read for it."""


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not is_there(path):
        raise InputError(f"{folder}: no config.json; give a model folder or a Hub name owner/name")
    config = result_files.read_json(path, what="a model's config.json", max_bytes=MAX_CONFIG_BYTES)
    if not isinstance(config, dict):
        raise DataError(f"{path}: must hold an object")
    return config


def _header(path: Path) -> bytes:
    """The first part of a safetensors file: its length in eight bytes, then JSON."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return file.read(min(length, 100_000_000))


def weight_files(folder: Path) -> list[Path]:
    """The safetensors of a checkpoint."""
    return sorted(folder.glob("*.safetensors"))


def on_disk_or_hub(model: str) -> str:
    """`model` where it names a folder or a repository; else the repository of the catalog's model.

    Raises UnknownNameError with the nearest names, InputError where the catalog's has no repository.
    """
    if Path(model).expanduser().is_dir() or "/" in model or model.startswith((".", "~")):
        return model
    found = find_model(model)
    if found.hf_id is None:
        raise InputError(f"{model}: the catalog knows no repository of it; give a folder or owner/name")
    return found.hf_id


def locate(model: str, revision: str | None, *, dummy: bool = False) -> Checkpoint:
    """A local folder by its content, a Hub name by its revision. Raises InputError when it is neither."""
    folder = Path(model).expanduser()
    if folder.is_dir():
        return of_folder(folder, need_weights=not dummy)
    if model.startswith((".", "/", "~")) or model.count("/") != 1:
        raise InputError(f"{model}: no such folder, and no Hub name (owner/name)")
    return Checkpoint(path=model, identity=f"{model}@{revision or 'main'}")


def cached_commit(model: str, revision: str | None) -> str | None:
    """The commit that a Hub name's revision stood for when the tools fetched it, from Hugging Face's cache.

    None for a local folder, and before anything was fetched.
    """
    home = os.environ.get("HF_HOME")
    usual = (Path(home) if home else Path.home() / ".cache" / "huggingface") / "hub"
    cache = Path(os.environ.get("HF_HUB_CACHE") or usual)
    repository = cache / f"models--{model.replace('/', '--')}"
    if revision is not None and (repository / "snapshots" / revision).is_dir():
        return revision
    try:
        return (repository / "refs" / (revision or "main")).read_text(encoding="utf-8").strip() or None
    except (OSError, ValueError):
        return None


def of_folder(folder: Path, *, need_weights: bool = True) -> Checkpoint:
    """Identity of a local checkpoint: configuration and tokenizer by content, weights by header and size.

    A safetensors header holds every tensor's name, type, shape and offset; with the file's size and time it
    tells checkpoints apart without reading hundreds of gigabytes.
    """
    config = _config(folder)
    config.pop("_name_or_path", None)
    weights = weight_files(folder)
    if need_weights and not weights:
        raise InputError(f"{folder}: no *.safetensors; give a folder with weights, or --load-format dummy")
    rows: list[Any] = [config]
    tokenizer = folder / "tokenizer.json"
    if tokenizer.exists():
        rows.append(digests.file_sha256(tokenizer))
    listed: list[tuple[str, int, str | None]] = []
    for path in weights:
        size = path.stat().st_size
        sha256 = digests.file_sha256(path) if size < HASHED_BYTES else None
        listed.append((path.name, size, sha256))
        if sha256 is not None:
            rows.append([path.name, size, sha256])
        else:
            rows.append([path.name, size, _header(path).hex(), path.stat().st_mtime_ns])
    return Checkpoint(
        path=str(folder.resolve()),
        identity=digests.digest(rows),
        weight_bytes=sum(path.stat().st_size for path in weights) or None,
        files=tuple(listed),
    )


def verify(folder: Path, recipe: Recipe, original_bytes: int | None) -> Checkpoint:
    """The checkpoint that `recipe` should have made. Raises DataError where config or size say otherwise."""
    with result_files.expected(f"{folder}/config.json", "a compressed-tensors checkpoint's"):
        return _verified(folder, recipe, original_bytes)


def _verified(folder: Path, recipe: Recipe, original_bytes: int | None) -> Checkpoint:
    config = _config(folder).get("quantization_config")
    if not isinstance(config, dict) or config.get("quant_method") != "compressed-tensors":
        raise DataError(f"{folder}: config.json has no compressed-tensors quantization_config")
    groups = config.get("config_groups") or {}
    if not groups:
        raise DataError(f"{folder}: quantization_config names no group of weights")
    for name, group in groups.items():
        weights = group.get("weights") or {}
        seen = (weights.get("num_bits"), weights.get("type"))
        if seen != (recipe.weight_bits, recipe.weight_type):
            raise DataError(
                f"{folder}: {name} has {seen[0]}-bit {seen[1]} weights, {recipe.format} needs "
                f"{recipe.weight_bits}-bit {recipe.weight_type}"
            )
        activations = (group.get("input_activations") or {}).get("num_bits")
        if activations != recipe.activation_bits:
            raise DataError(
                f"{folder}: {name} has {activations or 16}-bit activations, "
                f"{recipe.format} needs {recipe.activation_bits or 16}"
            )
    found = of_folder(folder)
    assert found.weight_bytes is not None  # of_folder refuses a folder without weights
    if original_bytes is not None and found.weight_bytes >= original_bytes:
        raise DataError(
            f"{folder}: {found.weight_bytes} bytes of weights, not fewer than the {original_bytes} before"
        )
    return found
