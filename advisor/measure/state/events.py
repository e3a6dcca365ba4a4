"""Events that a job reports to its driver while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from advisor.errors import QuantAdviseError
from advisor.measure.state.ledger import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A line of progress."""

    job: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """How the running point stands, for a line that is overwritten."""

    job: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A step ended; the driver writes its attachments, then its entry."""

    job: str
    entry: Entry
    attachments: Mapping[str, str] = field(default_factory=dict)
    """File name below `raw/` → text."""


Event = Said | Live | Done


class BudgetEndedError(QuantAdviseError):
    """The time the user gave is over; what is left stands in the plan."""


class CancelledError(QuantAdviseError):
    """The user stopped the run; nothing was learnt about the step that ran."""
