"""Models from local files: a folder or a config.json, with the quantization notes beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from advisor.errors import InputError
from advisor.spec.models.config import model_from_config
from advisor.spec.models.model import ModelSpec
from advisor.spec.reading.file_bytes import read_bytes

LARGEST_CONFIG_BYTES = 8_000_000
"""The largest config.json seen is well below a megabyte; more is another file by mistake."""


def _read_json(path: Path) -> Mapping[str, object]:
    content = read_bytes(path, max_bytes=LARGEST_CONFIG_BYTES, what="a config.json")
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); give a config.json") from error
    except json.JSONDecodeError as error:
        what = "empty" if not content.strip() else f"not JSON (line {error.lineno}: {error.msg})"
        raise InputError(f"{path}: {what}; download config.json again") from error
    except (RecursionError, ValueError) as error:
        raise InputError(f"{path}: not a readable JSON file; download config.json again") from error
    if not isinstance(value, Mapping):
        raise InputError(f"{path}: holds no keys; give a transformers config.json")
    return value


def model_from_file(path: Path) -> ModelSpec:
    """The model of a local folder or config.json; a hf_quant_config.json beside it counts."""
    file = path / "config.json" if path.is_dir() else path
    config = dict(_read_json(file))
    quant = file.parent / "hf_quant_config.json"
    if "quantization_config" not in config and quant.is_file():
        section = _read_json(quant).get("quantization")
        if not isinstance(section, Mapping):
            raise InputError(f"{quant}: 'quantization' is missing; download the file again")
        config["quantization_config"] = {"quant_method": "modelopt", **section}
    name = file.resolve().parent.name or file.stem
    return model_from_config(config, name=name, source=str(file), where=str(file))
