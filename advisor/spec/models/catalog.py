"""Look-up of models by name, Hub id, quantized checkpoint, folder or config.json."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import yaml

from advisor.errors import DataError, InputError, UnknownNameError, unknown
from advisor.shipped_files import catalog
from advisor.spec.formats.checkpoint import Checkpoint, made_kind
from advisor.spec.formats.published_checkpoints import checkpoint_by_repo, checkpoints_of, listed_bases
from advisor.spec.models.config_json import model_from_config
from advisor.spec.models.local_files import model_from_file
from advisor.spec.models.model import ModelSpec
from advisor.spec.models.native_format import split_suffix
from advisor.spec.models.typical import model_of_size, parse_params, typical_model
from advisor.spec.reading.comma_lists import split
from advisor.spec.reading.file_bytes import is_there
from advisor.spec.reading.name_lookup import printable

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ROW = re.compile(r"^- \{name: ([^,]+), hf: \[([^\]]*)\](?:, aka: \[([^\]]*)\])?")


def _fold(name: str) -> str:
    """A name without what people vary: case, separators, a remark in brackets, Meta's older prefix."""
    folded = re.sub(r"\s*\([^)]*\)$|[-_. ]", "", name.lower())
    return folded.removeprefix("meta") if folded.startswith("metallama") else folded


def _repo(hf_id: str) -> str:
    return hf_id.rsplit("/", 1)[-1]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """Where a name leads: a line of the catalog, and the repository it stands for."""

    line: int
    name: str
    hf_id: str | None


@lru_cache(maxsize=1)
def _lines() -> tuple[str, ...]:
    path = catalog("models.yaml")
    try:
        return tuple(path.read_text(encoding="utf-8").splitlines())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; reinstall quantadvise") from error


@lru_cache(maxsize=1)
def _index() -> dict[str, _Entry]:
    """Every known name, folded, to its row. Only the names are read here; a row is parsed when asked for."""
    index: dict[str, _Entry] = {}
    for number, line in enumerate(_lines()):
        match = _ROW.match(line)
        if match is None:
            continue
        name, ids, also = match.group(1).strip(), split(match.group(2) or ""), split(match.group(3) or "")
        main = next((i for i in ids if _repo(i) == name), ids[0] if ids else None)
        first = _Entry(line=number, name=name, hf_id=main)
        index.setdefault(_fold(name), first)
        for hf_id in ids:
            index.setdefault(_fold(_repo(hf_id)), _Entry(line=number, name=_repo(hf_id), hf_id=hf_id))
        for other in also:
            key = _fold(_repo(other))
            # The variant whose name goes on from the alias, else the row's first.
            fits = next((i for i in ids if _fold(_repo(i)).startswith(key)), None)
            entry = first if fits is None else _Entry(line=number, name=_repo(fits), hf_id=fits)
            index.setdefault(key, entry)
    return index


def known_models() -> tuple[str, ...]:
    """The catalog's models by their canonical names, in the file's order."""
    return tuple(match.group(1).strip() for line in _lines() if (match := _ROW.match(line)))


@lru_cache(maxsize=1)
def _sources() -> Mapping[str, str]:
    """The citations that stand above the rows, by the short name the rows use."""
    lines = _lines()
    head = yaml.load("\n".join(lines[: lines.index("models:")]), Loader=_Loader)
    return dict(head["sources"])


@lru_cache(maxsize=256)
def _from_catalog(entry: _Entry) -> ModelSpec:
    row = yaml.load(_lines()[entry.line][2:], Loader=_Loader)
    return model_from_config(
        row["config"],
        name=entry.name,
        hf_id=entry.hf_id,
        # What no engine loads to serve text is published with the rest: the row says how much.
        published_params=row["params"] - row.get("unserved", 0),
        source=_sources()[row["source"]],
        family=row.get("family"),
        where=f"models.yaml: {row['name']}",
    )


@lru_cache(maxsize=1)
def _repos() -> Mapping[tuple[str, str], str]:
    """Folded model name and format → the repository to offer first; for names without an owner."""
    found: dict[tuple[str, str], str] = {}
    for base, format in listed_bases():
        first = checkpoints_of(base, format)[0].repo
        if first is not None:
            found.setdefault((_fold(_repo(base)), format), first)
    return found


def _catalog_model(name: str) -> ModelSpec | None:
    """The catalog's model of that name or id; a quantized checkpoint's name leads to its base model."""
    repo = _repo(name)
    entry = _index().get(_fold(repo))
    if entry is not None:
        return _from_catalog(entry)
    base, suffix = split_suffix(repo)
    checkpoint = checkpoint_by_repo(name) if "/" in name else None
    if checkpoint is not None:
        base, suffix = _repo(checkpoint.base_repo or ""), checkpoint.format
    entry = _index().get(_fold(base))
    if suffix is None or entry is None:
        return None
    if checkpoint is None:
        listed = name if "/" in name else _repos().get((_fold(base), suffix))
        checkpoint = None if listed is None else checkpoint_by_repo(listed)
        hf_id = listed
    else:
        hf_id = checkpoint.repo
    return dataclasses.replace(
        _from_catalog(entry),
        hf_id=hf_id,
        native_format=None if suffix == "bf16" else suffix,
        native_parts="linear" if checkpoint is None else checkpoint.kind.parts,
        native_kind=None if checkpoint is None else checkpoint.kind,
    )


def catalog_model(name: str) -> ModelSpec:
    """The catalog's model of that name or id; no file is read, no Hub is asked. Raises UnknownNameError."""
    found = _catalog_model(name.strip())
    if found is None:
        raise unknown("model", name.strip(), [entry.name for entry in _index().values()], otherwise=_listed())
    return found


def _looks_like_path(text: str) -> bool:
    return (
        text.startswith(("/", "./", "../", "~", ".\\"))
        or text.endswith((".json", "/", "\\"))
        or text in (".", "..")
    )


def find_model(name_or_path: str) -> ModelSpec:
    """The model of that name, Hub id, folder or config.json.

    Names fold case and separators; `RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic` leads to the base
    model with `native_format`. An id that is not in the catalog is looked up on the Hub. Raises
    UnknownNameError with the nearest names, InputError for a damaged file, UnsupportedError for an
    architecture that cannot be read right.
    """
    model = _find(name_or_path.strip())
    printable(model.hf_id or model.name, what="model")
    printable(model.name, what="model")
    return model


def _find(text: str) -> ModelSpec:
    if not text:
        raise InputError("model: the name is empty; give a name, a Hub id or a folder")
    path = Path(text).expanduser()
    if _looks_like_path(text):
        if not is_there(path):
            raise InputError(f"{text}: no such file or folder; give a folder with config.json")
        if _is_without_config(path):
            raise _without_config(path)
        return model_from_file(path)
    model = _catalog_model(text) or _by_beginning(text)
    if model is not None:
        return model
    if is_there(path / "config.json"):
        return model_from_file(path)
    is_id = re.fullmatch(r"[\w.-]+/[\w.-]+", text) is not None
    names = [entry.name for entry in _index().values()]
    nowhere = unknown("model", text, names, otherwise=_listed() if is_id else _otherwise(text))
    if not is_id:
        raise _without_config(path) if _is_without_config(path) else nowhere
    from advisor.spec.models.hub import config_from_hub

    found = config_from_hub(text)
    if isinstance(found, str):
        if _is_without_config(path):
            raise _without_config(path)
        raise UnknownNameError(f"{nowhere}; {found}")
    return model_from_config(found, name=_repo(text), hf_id=text, source=f"huggingface.co/{text}", where=text)


def _is_without_config(path: Path) -> bool:
    """Whether `path` is a folder and no model's; a name too long for one is none."""
    return os.path.isdir(path) and not is_there(path / "config.json")


def _without_config(folder: Path) -> InputError:
    return InputError(
        f"{folder / 'config.json'}: no such file, so the folder holds no model; "
        "give one with config.json, or a name of the catalog"
    )


def _by_beginning(text: str) -> ModelSpec | None:
    """The catalog's instruction-tuned model whose name goes on from `text`: `llama3.1-8b` is
    Llama-3.1-8B-Instruct. None where there is none or more than one."""
    key = _fold(_repo(text))
    tuned = {key + ending for ending in ("instruct", "it", "chat")}
    matches = [name for name in known_models() if _fold(name) in tuned]
    return _catalog_model(matches[0]) if len(matches) == 1 and len(key) >= 4 else None


def _listed() -> str:
    return f"quantadvise models lists the {len(known_models())} known"


def _otherwise(text: str) -> str:
    """What helps who named a model that is like none of the catalog."""
    size = re.search(r"(?<![\d.])\d+(?:\.\d+)?[bB](?![a-zA-Z0-9])", text)
    return (
        f"{_listed()}; for another give owner/name of the Hub, a folder with config.json, or, to recommend "
        f"and predict, a size alone: --params {size[0].upper() if size else '13B'}"
    )


def base_repo(model: ModelSpec) -> str:
    """The repository of the unquantized weights; the model's own where it is none of a listed checkpoint."""
    own = None if model.hf_id is None else checkpoint_by_repo(model.hf_id)
    return (own.base_repo if own is not None else None) or model.hf_id or model.name


def checkpoints_for(model: ModelSpec, format: str) -> tuple[Checkpoint, ...]:
    """Published checkpoints of the model in a canonical format, in the order to offer them.

    The model itself alone where it ships in that format; of a folder without a repository.
    """
    if model.native_format == format:
        listed = None if model.hf_id is None else checkpoint_by_repo(model.hf_id)
        kind = model.native_kind or (None if listed is None else listed.kind) or made_kind(format)
        if kind is None:
            return ()
        own = listed or Checkpoint(kind=kind, format=format, base_repo=model.hf_id, evidence="own")
        return (dataclasses.replace(own, kind=kind, format=format, repo=model.hf_id),)
    return checkpoints_of(base_repo(model), format)


def listed_checkpoint(repo: str, model: ModelSpec, format: str) -> Checkpoint | None:
    """The listed checkpoint of that address; None where it is empty or names the model itself.

    Raises InputError for one that is not listed, or is of another format.
    """
    if not repo or (model.hf_id is not None and repo.lower() == model.hf_id.lower()):
        return None
    found = checkpoint_by_repo(repo)
    if found is None:
        raise InputError(f"checkpoint: '{repo}' is not listed; leave it out, or name it as the model")
    if found.format != format:
        raise InputError(
            f"checkpoint: {found.repo} is {found.format}, the format is {format}; name one of the two"
        )
    return found


def known_checkpoint(model: ModelSpec, format: str) -> str | None:
    """The published checkpoint of the model in a canonical format to offer first; None: none is listed."""
    found = checkpoints_for(model, format)
    return found[0].repo if found else None


__all__ = [
    "base_repo",
    "catalog_model",
    "checkpoints_for",
    "find_model",
    "known_checkpoint",
    "known_models",
    "listed_checkpoint",
    "model_from_file",
    "model_of_size",
    "parse_params",
    "typical_model",
]
