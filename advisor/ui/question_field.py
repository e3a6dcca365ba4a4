"""Field: one thing that a question may say, and what stands beside it."""

from __future__ import annotations

from dataclasses import dataclass

Options = tuple[tuple[str, str], ...]
"""(value, words); the empty value is what holds where nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slider:
    """A range beside a number, even by factors where `factors`, else by differences."""

    low: float
    high: float
    factors: bool = True

    def __post_init__(self) -> None:
        if not (0 < self.low < self.high):
            raise ValueError(f"a slider goes from above 0 upwards, not {self.low:g} to {self.high:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing that a question may say; absent and empty are the same."""

    name: str
    """In the address and in the form."""
    label: str
    """The label, with the unit; errors stand beside it and leave out the flag."""
    flags: tuple[str, ...]
    """What an error about it begins with, before the colon: the command line's flag, a library's argument."""
    group: str = "More"
    options: Options = ()
    """Where it is chosen among words instead of typed."""
    kind: str = "text"
    """text, decimal, numeric: the keyboard of a phone. own: drawn by itself, in `form`."""
    empty: str = ""
    """What stands in it while nothing is typed, where the answer does not say."""
    about: str = ""
    wide: bool = False
    slider: Slider | None = None
