"""Given: a value as a user wrote it, with the place it stands, and strict reads of it.

Files and flags are read through the same few questions, so that the same slip gets the same line.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard, TypeVar

from advisor.errors import InputError, nearest
from advisor.spec.reading import amounts

T = TypeVar("T")

LEAST_AMOUNT = 1e-9
"""The least amount that must be above 0: what is smaller is a slip, and ratios with it overflow."""


def plain(text: str) -> str:
    """`text` short and printable, so that a message stays one line whatever a user wrote."""
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= 40 else f"{text[:37]}…"


def _kind(value: object) -> str:
    """What people call the type of a YAML value."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    return f"'{plain(str(value))}'"


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _amount(number: float, unit: str) -> str:
    """`1 turn`, `512 tokens`, `0 s`, `10,000,000 requests/s`."""
    one = number == 1 and unit in ("turns", "tokens")
    return f"{number:,.10g} {unit[:-1] if one else unit}".rstrip()


def _digits(value: float) -> str:
    """A number short enough for one line."""
    text = str(value)
    return text if len(text) <= 24 else f"a number of {len(text)} digits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """`value` at `path` inside `where` (a file or a flag)."""

    value: object
    where: str
    path: tuple[str, ...] = ()
    lines: Mapping[tuple[str, ...], int] = field(default_factory=dict, hash=False)
    """Line of each path in the file, from 1; empty for flags."""
    folder: Path | None = None
    """Where the file lies; paths inside it are relative to this."""

    @property
    def place(self) -> str:
        """`file:line`, or the flag."""
        line = self.lines.get(self.path)
        return self.where if line is None else f"{self.where}:{line}"

    @property
    def inside(self) -> str:
        """`slo.ttft_p95_ms`."""
        return ".".join(plain(key) for key in self.path)

    def error(self, message: str) -> InputError:
        """`file:line: slo.ttft_p95_ms: message`."""
        return InputError(": ".join([self.place, *([self.inside] if self.path else []), message]))

    def child(self, key: str, value: object) -> Given:
        return Given(
            value=value, where=self.where, path=(*self.path, key), lines=self.lines, folder=self.folder
        )

    def like(self, value: object) -> Given:
        """`value` at the same place."""
        return Given(value=value, where=self.where, path=self.path, lines=self.lines, folder=self.folder)

    def mapping(self) -> dict[str, Given]:
        """The entries of a mapping, in the order written."""
        if not isinstance(self.value, Mapping):
            raise self.error(f"expected 'key: value' lines, found {_kind(self.value)}")
        return {str(key): self.child(str(key), value) for key, value in self.value.items()}

    def keys(self, known: Iterable[str]) -> dict[str, Given]:
        """The entries of a mapping whose keys are all among `known`."""
        names = list(known)
        entries = self.mapping()
        for key, entry in entries.items():
            if key not in names:
                raise entry.unknown_key(names)
        return entries

    def unknown_key(self, known: Iterable[str]) -> InputError:
        """The error for this entry's own key, with the nearest known one."""
        key, names = self.path[-1], list(known)
        close = nearest(key, names, count=1)
        remedy = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(names)}"
        inside = ".".join(plain(key) for key in self.path[:-1])
        return InputError(
            f"{self.place}: {inside + ': ' if inside else ''}unknown key '{plain(key)}'; {remedy}"
        )

    def items(self) -> list[Given]:
        """The entries of a list."""
        if not isinstance(self.value, (list, tuple)):
            raise self.error(f"expected a list, found {_kind(self.value)}")
        return [self.child(str(index), value) for index, value in enumerate(self.value)]

    def text(self) -> str:
        """One line of text, not empty."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.error(f"expected a text, found {_kind(self.value)}")
        if "\n" in self.value.strip():
            raise self.error("expected one line, found several")
        if not self.value.strip().isprintable():
            raise self.error("has control characters; write plain text")
        return self.value.strip()

    def choice(self, known: Iterable[str]) -> str:
        """One of the `known` words."""
        names = list(known)
        if self.value in names:
            return str(self.value)
        close = nearest(str(self.value), names, count=1)
        remedy = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(names)}"
        raise self.error(f"unknown value {_kind(self.value)}; {remedy}")

    def number(
        self, *, above: float | None = None, low: float = -math.inf, high: float = 1e300, unit: str = ""
    ) -> float:
        """A finite number with above < number, low <= number <= high; above 0 is at least `LEAST_AMOUNT`."""
        value = self.value
        if not _is_number(value):
            raise self.error(f"expected a number, found {_kind(value)}")
        floor = (
            f" above {_amount(above, unit)}"
            if above is not None
            else f" of at least {_amount(low, unit)}"
            if low > -math.inf
            else ""
        )
        if isinstance(value, float) and not math.isfinite(value):
            raise self.error(f"expected a finite number{floor}, found {value}")
        if value < low or (above is not None and value <= above):
            raise self.error(f"expected a number{floor}, found {_digits(value)}")
        if above == 0 and value < LEAST_AMOUNT:
            raise self.error(f"expected a number of at least {_amount(LEAST_AMOUNT, unit)}, found {value}")
        if value > high:
            raise self.error(f"expected a number of at most {_amount(high, unit)}, found {_digits(value)}")
        return float(value)

    def share(self, *, above: float | None = None, low: float = 0.0, high: float = 1.0) -> float:
        """A share with above < share, low <= share <= high; `0.97`, `97` and `97 %` are the same.

        Above 0 is at least `LEAST_AMOUNT`.
        """
        value = amounts.share(self.value)
        if (
            not _is_number(value)
            or not low <= value <= high
            or (above is not None and value <= above)
            or (above == 0 and value < LEAST_AMOUNT)
        ):
            bounds = f"from {low:g} to {high:g}" if above is None else f"above {above:g} and up to {high:g}"
            example = min(0.97, high)
            found = _digits(self.value) if _is_number(self.value) else _kind(self.value)
            raise self.error(
                f"expected a share {bounds}, such as {example:g} or {100 * example:g}%, found {found}"
            )
        return float(value)

    def whole(self, *, low: int, high: int, unit: str = "") -> int:
        """A whole number from `low` to `high`; 512.0 counts as whole."""
        number = self.number(low=low, high=high, unit=unit)
        if not number.is_integer():
            raise self.error(f"expected a whole number, found {_digits(number)}")
        return int(number)

    def build(self, make: Callable[[], T]) -> T:
        """What `make` returns; the ValueError of a fact that cannot be becomes the user's line."""
        try:
            return make()
        except ValueError as error:
            raise self.error(str(error)) from error
