"""Coefficients learnt from figures that may not be shipped: priors of a fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from advisor.errors import DataError, InputError
from advisor.spec.reading.file_bytes import is_there
from advisor.spec.reading.located_yaml import read_yaml

NAME = "constants.yaml"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyConstant:
    """One factor of the accuracy model: the logarithm of a share of the loss."""

    factor: tuple[str, str]
    """Section and name, as in the fit's file."""
    value: float
    sd: float
    rows: int
    """Figures it was learnt from."""
    source: str
    how: str

    def __post_init__(self) -> None:
        if self.sd <= 0 or self.rows < 1 or not self.source:
            raise ValueError(f"sd is {self.sd}, rows {self.rows}, source '{self.source}'")


def read_accuracy_constants(folder: Path) -> tuple[AccuracyConstant, ...]:
    """The constants of a folder of measurements; none without a file. Raises DataError for a damaged one."""
    path = folder / NAME
    if not is_there(path):
        return ()
    try:
        document: Any = read_yaml(path).value
        if document["version"] != VERSION:
            raise DataError(f"{path}: version {document['version']}, known is {VERSION}")
        return tuple(_constant(row) for row in document.get("accuracy", ()))
    except (InputError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not readable constants ({error}); see measurements/README.md") from error


def _constant(row: Mapping[str, Any]) -> AccuracyConstant:
    section, name = row["factor"]
    return AccuracyConstant(**{**row, "factor": (str(section), str(name))})
