"""What a benchmark is: its family, its size, what guessing gets; and the averages people print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

from advisor.spec.reading.catalog_yaml import read_catalog

Kind = Literal["choice", "generated", "worked"]
"""choice: the likeliest of given answers is scored. generated: a text is written and judged as a whole
(code, instructions, chat). worked: an answer is parsed from the end of a chain of thought, so that one
changed word can change it: answers flip most, either way."""

SHORT_TOKENS = 4096
"""Context of a benchmark that states none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One benchmark. `name` is as in `measurements/`."""

    name: str
    family: str
    items: int
    """Questions of the split that is usually scored: what its noise follows from."""
    chance: float
    """Score of guessing, 0..1; a score is worth what lies above it."""
    kind: Kind
    aliases: tuple[str, ...] = ()
    runs: int = 1
    """Generations per question that published scores usually average."""
    context_tokens: int = SHORT_TOKENS
    """Length of the prompt and the answer, where it is long."""
    source: str = ""
    """Where `items` was read; empty = the split's known size, not checked against a source."""

    def __post_init__(self) -> None:
        if self.items < 1 or self.runs < 1 or not 0 <= self.chance < 1 or self.kind not in get_args(Kind):
            raise ValueError(
                f"{self.name}: items {self.items}, runs {self.runs}, chance {self.chance}, kind {self.kind}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Average:
    """A printed mean of benchmarks."""

    name: str
    parts: tuple[str, ...]
    normalized: bool = False
    """Scores are rescaled so that guessing is 0 (Open LLM Leaderboard v2)."""
    aliases: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def known_benchmarks() -> Mapping[str, Benchmark]:
    """Every benchmark of the catalog by its name, in its order."""
    rows = (_benchmark(row) for row in read_catalog("benchmarks.yaml")["benchmarks"])
    return {row.name: row for row in rows}


@lru_cache(maxsize=1)
def known_averages() -> Mapping[str, Average]:
    """Every printed average of the catalog by its name, in its order."""
    rows = (_average(row) for row in read_catalog("benchmarks.yaml")["averages"])
    return {row.name: row for row in rows}


@lru_cache(maxsize=1)
def general_benchmarks() -> tuple[str, ...]:
    """The benchmarks that stand for accuracy where no task is named."""
    return tuple(read_catalog("benchmarks.yaml")["general"])


def benchmark(name: str) -> Benchmark:
    """The benchmark of that exact name; KeyError otherwise."""
    return known_benchmarks()[name]


def families() -> tuple[str, ...]:
    """The families of benchmarks, in the catalog's order."""
    return tuple(dict.fromkeys(row.family for row in known_benchmarks().values()))


def _benchmark(row: Mapping[str, Any]) -> Benchmark:
    return Benchmark(**{**row, "aliases": tuple(map(str, row.get("aliases", ())))})


def _average(row: Mapping[str, Any]) -> Average:
    lists = {"parts": tuple(row["parts"]), "aliases": tuple(map(str, row.get("aliases", ())))}
    return Average(**{**row, **lists})
