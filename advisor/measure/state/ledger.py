"""The ledger: one small file per finished step, keyed by its content, so that a rerun continues.

A step's key is the digest of all that decides its result: its kind, its inputs, the tool's version, the keys
of the steps it builds on. Asking for the same thing again finds the same key; a changed plan has other keys
only where something changed. A file under `ledger/` exists in full or not at all (see `atomic_files`).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from advisor import atomic_files
from advisor.errors import DataError, InputError, QuantAdviseError
from advisor.measure.tools import digests, result_files

LEDGER_VERSION = 1
MAX_ATTEMPTS = 3
"""A step that crashed or hung so often is left as failed until the user asks for it again."""

Kind = Literal["quantize", "serve", "bench", "search", "evaluate"]
LASTING = frozenset({"out_of_memory", "unsupported", "unsteady"})
"""Failures that the same step would meet again; the others (crash, timeout, failed requests) are retried."""


class BusyError(QuantAdviseError):
    """Another run works in this folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a step ended without a result, in the words of `FailedRun`."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to be done; `inputs` is JSON and decides the key."""

    kind: Kind
    title: str
    """For people; not part of the key."""
    inputs: Mapping[str, Any]

    @property
    def key(self) -> str:
        return digests.digest({"ledger": LEDGER_VERSION, "kind": self.kind, **self.inputs})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A step that ended: with a result, or with a failure."""

    key: str
    kind: Kind
    title: str
    inputs: Mapping[str, Any]
    seconds: float
    date: str
    result: Mapping[str, Any] | None = None
    failure: Failure | None = None
    attempts: int = 1
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Conditions worth keeping that do not decide the result: GPUs used, clocks, log."""

    @property
    def final(self) -> bool:
        """Whether a rerun leaves this step alone."""
        if self.failure is None:
            return True
        return self.failure.reason in LASTING or self.attempts >= MAX_ATTEMPTS

    def to_json(self) -> dict[str, Any]:
        """Keys of the file, listed by hand: the file is a contract."""
        return {
            "ledger": LEDGER_VERSION,
            "key": self.key,
            "kind": self.kind,
            "title": self.title,
            "inputs": dict(self.inputs),
            "seconds": round(self.seconds, 3),
            "date": self.date,
            "result": None if self.result is None else dict(self.result),
            "failure": None
            if self.failure is None
            else {"reason": self.failure.reason, "detail": self.failure.detail},
            "attempts": self.attempts,
            "extra": dict(self.extra),
        }

    @staticmethod
    def from_json(row: Mapping[str, Any]) -> Entry:
        failure = row["failure"]
        return Entry(
            key=row["key"],
            kind=row["kind"],
            title=row["title"],
            inputs=row["inputs"],
            seconds=row["seconds"],
            date=row["date"],
            result=row["result"],
            failure=None if failure is None else Failure(reason=failure["reason"], detail=failure["detail"]),
            attempts=row["attempts"],
            extra=row["extra"],
        )


class Ledger:
    """The entries of one run's folder; `locked` before writing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "ledger"
        self._entries: dict[str, Entry] = {}
        for path in sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []:
            try:
                row = result_files.read_json(path, what="an entry of the ledger")
                with result_files.expected(str(path), "an entry of the ledger"):
                    if row["ledger"] != LEDGER_VERSION:
                        continue  # another version's work is not taken for ours; it is done anew
                    entry = Entry.from_json(row)
            except DataError as error:
                raise DataError(f"{error}: damaged; remove the file, and its step runs again") from error
            if entry.key != path.stem:
                raise DataError(
                    f"{path}: holds another step, {entry.key}; remove the file, and its step runs again"
                )
            self._entries[entry.key] = entry

    def __iter__(self) -> Iterator[Entry]:
        return iter(sorted(self._entries.values(), key=lambda entry: (entry.date, entry.key)))

    def get(self, key: str) -> Entry | None:
        return self._entries.get(key)

    def settled(self, key: str) -> Entry | None:
        """The entry that a rerun leaves alone; None when the step has to be done (again)."""
        entry = self._entries.get(key)
        return entry if entry is not None and entry.final else None

    def add(self, entry: Entry) -> Entry:
        """Write the entry; attempts that failed before are counted. Returns it as written."""
        earlier = self._entries.get(entry.key)
        if earlier is not None and earlier.failure is not None and entry.failure is not None:
            row = entry.to_json() | {"attempts": earlier.attempts + 1}
            entry = Entry.from_json(row)
        text = json.dumps(entry.to_json(), indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
        atomic_files.write(self.folder / f"{entry.key}.json", text + "\n")
        self._entries[entry.key] = entry
        return entry

    def forget(self, key: str) -> None:
        """Drop an entry whose product is gone; the step is done again."""
        self._entries.pop(key, None)
        (self.folder / f"{key}.json").unlink(missing_ok=True)


def check_folder(folder: Path) -> None:
    """Raises InputError where no run's folder can be made."""
    there = next(place for place in (folder, *folder.absolute().parents) if os.path.exists(place))
    if not os.path.isdir(there):
        raise InputError(f"{folder}: {there} is not a folder; name another with --out")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: {there} cannot be written to; name another folder with --out")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this run; the kernel frees a dead one's. Raises BusyError when another has it."""
    check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lock"
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise BusyError(
                f"{folder}: {holder} is measuring here; wait for it or use another --out"
            ) from error
        file.seek(0)
        file.truncate()
        file.write(f"process {os.getpid()}")
        file.flush()
        yield
