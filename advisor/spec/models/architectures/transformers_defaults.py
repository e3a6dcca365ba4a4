"""What a config.json leaves to the classes of transformers: sections of a wrapper keep only what differs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from advisor.spec.models.config_values import ConfigValues
from advisor.spec.reading.catalog_yaml import read_catalog


@lru_cache(maxsize=1)
def _defaults() -> Mapping[str, Mapping[str, object]]:
    found: Mapping[str, Mapping[str, object]] = read_catalog("config_defaults.yaml")["defaults"]
    return found


def class_defaults(model_type: str | None, where: str) -> ConfigValues:
    """The values that transformers' class for `model_type` sets where a key is absent; empty if unknown."""
    return ConfigValues(_defaults().get(model_type or "", {}), where)
