"""Models from local files: a folder or a config.json, with the quantization notes beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import inf
from pathlib import Path

from advisor.errors import InputError, UnsupportedError
from advisor.spec.models.architectures import mistral_params
from advisor.spec.models.config_json import model_from_config
from advisor.spec.models.model import ModelSpec
from advisor.spec.reading.file_bytes import is_there, read_bytes

LARGEST_CONFIG_BYTES = 8_000_000
"""The largest config.json seen is well below a megabyte; more is another file by mistake."""
INDEX = "model.safetensors.index.json"
LARGEST_INDEX_BYTES = 100_000_000
LEAST_INDEXED, MOST_INDEXED = 0.95, 1.15
"""Files hold what is served and at times drafts of further tokens or an image encoder, and no less."""


def _read_json(
    path: Path, *, what: str = "a config.json", most: int = LARGEST_CONFIG_BYTES
) -> Mapping[str, object]:
    content = read_bytes(path, max_bytes=most, what=what)
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); give {what}") from error
    except json.JSONDecodeError as error:
        wrong = "empty" if not content.strip() else f"not JSON (line {error.lineno}: {error.msg})"
        raise InputError(f"{path}: {wrong}; download {path.name} again") from error
    except (RecursionError, ValueError) as error:
        raise InputError(f"{path}: not a readable JSON file; download {path.name} again") from error
    if not isinstance(value, Mapping):
        raise InputError(f"{path}: holds no keys; give a transformers config.json")
    return value


def _indexed_weights(folder: Path, config: Mapping[str, object]) -> int | None:
    """The weights that the index of the weight files counts, if it is there; 16-bit weights by bytes."""
    path = folder / INDEX
    if not is_there(path):
        return None
    metadata = _read_json(path, what="an index of weights", most=LARGEST_INDEX_BYTES).get("metadata")
    if not isinstance(metadata, Mapping):
        return None
    count, size = metadata.get("total_parameters"), metadata.get("total_size")
    if isinstance(count, int) and count > 0:
        return count
    text = config.get("text_config")
    inner = text if isinstance(text, Mapping) else {}
    dtype = next((v for c in (config, inner) for k in ("dtype", "torch_dtype") if (v := c.get(k))), None)
    two_bytes = dtype in ("bfloat16", "float16") and isinstance(size, (int, float)) and 0 < size < inf
    return int(size) // 2 if two_bytes and isinstance(size, (int, float)) else None


def model_from_file(path: Path) -> ModelSpec:
    """The model of a local folder, a config.json or Mistral's params.json.

    hf_quant_config.json beside it counts, the weights' index checks.
    """
    file = path
    if path.is_dir():
        file = path / "config.json"
        if not file.exists() and (path / mistral_params.FILE).exists():
            file = path / mistral_params.FILE
    config = dict(_read_json(file))
    quant = file.parent / "hf_quant_config.json"
    if "quantization_config" not in config and is_there(quant):
        section = _read_json(quant).get("quantization")
        if not isinstance(section, Mapping):
            raise InputError(f"{quant}: 'quantization' is missing; download the file again")
        config["quantization_config"] = {"quant_method": "modelopt", **section}
    name = file.resolve().parent.name or file.stem
    model = model_from_config(config, name=name, source=str(file), where=str(file))
    counted = _indexed_weights(file.parent, config) if model.native_format is None else None
    if counted is not None and not LEAST_INDEXED <= counted / model.total_params <= MOST_INDEXED:
        raise UnsupportedError(
            f"{file}: gives {model.total_params:,} weights, but {INDEX} beside it counts {counted:,}: one of "
            "them is another model's, or this architecture is read incorrectly; give the size with --params"
        )
    return model
