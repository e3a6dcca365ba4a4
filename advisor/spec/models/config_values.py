"""Checked reading of one config.json: a value of the right kind and size, or one line with file and key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from advisor.errors import InputError

LARGEST = 10**9
"""No dimension, count or vocabulary of a real model comes near this; above it a file is damaged."""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…"


class ConfigValues:
    """The keys of a config.json under `where`, the name that errors begin with."""

    __slots__ = ("_values", "where")

    def __init__(self, values: Mapping[str, object], where: str) -> None:
        self._values = values
        self.where = where

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def wrong(self, key: str, what: str) -> InputError:
        """The error for a key whose value cannot be right."""
        return InputError(f"{self.where}: {key}: {_shown(self._values.get(key))} {what}")

    def raw(self, key: str) -> object:
        """The value as it stands, None when absent."""
        return self._values.get(key)

    def _first(self, keys: Sequence[str]) -> str | None:
        return next((key for key in keys if key in self), None)

    def count(self, *keys: str, default: int | None = None) -> int:
        """A positive whole number under the first of `keys` that is there.

        Raises InputError when none is there and no default, or the value is no such number.
        """
        key = self._first(keys)
        if key is None:
            if default is None:
                raise InputError(f"{self.where}: '{keys[0]}' is missing; give a complete config.json")
            return default
        value = self._integer(key)
        if value < 1:
            raise self.wrong(key, "is not a positive whole number")
        return value

    def count_or_zero(self, *keys: str, default: int = 0) -> int:
        """A count that may be 0: no experts, no shared layers."""
        key = self._first(keys)
        return default if key is None else self._integer(key)

    def count_or_none(self, *keys: str) -> int | None:
        """A count; None when absent or 0 (configs write either for "not used")."""
        return self.count_or_zero(*keys) or None

    def _integer(self, key: str) -> int:
        value = self._values[key]
        if isinstance(value, (list, tuple)) and value:
            # Hunyuan writes one number per layer: read when they are all equal.
            if any(other != value[0] for other in value):
                raise self.wrong(key, "differs between layers; give its size instead (--params)")
            value = value[0]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.wrong(key, "is not a whole number")
        if value > LARGEST:  # before all else: an integer may be too large for a float
            raise self.wrong(key, f"is larger than any model's ({LARGEST:,})")
        if not value >= 0 or value != int(value):
            raise self.wrong(key, "is not a whole number of at least 0")
        return int(value)

    def factor(self, key: str) -> float:
        """A positive finite number."""
        value = self._values.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.wrong(key, "is not a number")
        if not 0 < value <= LARGEST:
            raise self.wrong(key, "is not a positive number")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false; `default` when absent."""
        value = self._values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(key, "is not true or false")
        return value

    def text(self, key: str, default: str | None = None) -> str | None:
        """A string; `default` when absent."""
        value = self._values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.wrong(key, "is not a text")
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of strings; None when absent."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
            raise self.wrong(key, "is not a list of texts")
        return tuple(value)

    def numbers(self, key: str) -> tuple[int, ...] | None:
        """A list of whole numbers; None when absent."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, (list, tuple)) or not all(
            isinstance(v, int) and not isinstance(v, bool) and 0 <= v <= LARGEST for v in value
        ):
            raise self.wrong(key, "is not a list of whole numbers")
        return tuple(value)

    def section(self, key: str) -> ConfigValues | None:
        """A nested mapping such as text_config; None when absent."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise self.wrong(key, "is not a section of keys")
        return ConfigValues(value, f"{self.where}: {key}")

    def sections(self, key: str) -> tuple[ConfigValues, ...]:
        """A list of mappings such as block_configs."""
        value = self._values.get(key)
        if not isinstance(value, (list, tuple)) or not all(isinstance(v, Mapping) for v in value):
            raise self.wrong(key, "is not a list of sections")
        return tuple(ConfigValues(v, f"{self.where}: {key}[{i}]") for i, v in enumerate(value))

    def names(self) -> tuple[str, ...]:
        """Every key there is, in the file's order."""
        return tuple(self._values)

    def over(self, lower: ConfigValues) -> ConfigValues:
        """This section's keys, with `lower`'s where this one has none."""
        merged = {k: v for k, v in lower._values.items() if v is not None}
        merged.update({k: v for k, v in self._values.items() if v is not None})
        return ConfigValues(merged, self.where)
