"""Calibration data: what a format is tuned on, counted and seeded."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from advisor import atomic_files
from advisor.errors import InputError
from advisor.measure.tools import digests
from advisor.spec.reading.file_bytes import read_bytes
from advisor.spec.reading.given_value import plain

DEFAULT_DATA = "garage-bAInd/Open-Platypus"
"""What the paper calibrated INT4 on (arXiv:2411.02355v4, section 3)."""
_HUB_DATA = re.compile(r"[\w.-]+/[\w.-]+(:[\w.\[\]:%+-]+)?", re.ASCII)
_TEXT_KEYS = ("messages", "conversations", "instruction", "text", "prompt", "content")
"""What a sample's text stands under, as the quantize worker reads it."""
MAX_DATA_BYTES = 1_000_000_000
"""A calibration takes some hundred samples; whole data sets of instructions are below 1 GB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """`source`: a local .jsonl or .txt file, `random`, or a Hub data set `owner/name[:split]`."""

    source: str = DEFAULT_DATA
    samples: int = 512
    length: int = 2048
    seed: int = 0

    @property
    def kind(self) -> Literal["file", "hub", "random"]:
        if self.source == "random":
            return "random"
        is_hub = self.source.count("/") == 1 and not Path(self.source.split(":")[0]).suffix
        return "hub" if is_hub and not Path(self.source).exists() else "file"

    def check(self) -> None:
        """Raises InputError for a file without rows, or a name that no data set of the Hub has."""
        if self.kind == "file":
            for number, row in enumerate(read_rows(_existing(self.source)), start=1):
                if not any(row.get(key) for key in _TEXT_KEYS):
                    raise InputError(f"{self.source}: sample {number}: has none of {', '.join(_TEXT_KEYS)}")
        elif self.kind == "hub" and not _HUB_DATA.fullmatch(self.source):
            raise InputError(
                f"--calibration: '{plain(self.source)}' is no data set of the Hub; write owner/name or "
                "owner/name:split"
            )

    def identity(self) -> dict[str, Any]:
        """What decides the result, for a step's key. Raises InputError when a local file is missing."""
        row: dict[str, Any] = {"samples": self.samples, "length": self.length, "seed": self.seed}
        if self.kind == "file":
            return row | {"sha256": digests.file_sha256(_existing(self.source))}
        return row | {"source": self.source}

    def prepare(self, folder: Path) -> dict[str, Any]:
        """The worker's description; local rows are drawn here, into `calibration.jsonl`."""
        row: dict[str, Any] = {"samples": self.samples, "length": self.length, "seed": self.seed}
        if self.kind == "random":
            return row | {"kind": "random"}
        if self.kind == "hub":
            name, _, split = self.source.partition(":")
            return row | {"kind": "hub", "name": name, "split": split or "train"}
        rows = read_rows(_existing(self.source))
        drawn = random.Random(self.seed).sample(rows, min(self.samples, len(rows)))
        path = folder / "calibration.jsonl"
        atomic_files.write(path, "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in drawn))
        return row | {"kind": "file", "path": str(path), "samples": len(drawn)}


def _existing(source: str) -> Path:
    path = Path(source)
    if not path.is_file():
        raise InputError(
            f"{source}: no such calibration file; give a .jsonl, a .txt or a Hub data set owner/name"
        )
    return path


def read_rows(path: Path, *, what: str = "calibration") -> list[dict[str, Any]]:
    """Rows of a .jsonl, or each line of a .txt as {"text": …}. Raises InputError for what is neither."""
    content = read_bytes(path, max_bytes=MAX_DATA_BYTES, what=f"a {what} file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text (byte {error.start}); give a .jsonl or a .txt") from error
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        if path.suffix == ".txt":
            rows.append({"text": line})
            continue
        try:
            row = json.loads(line)
        except RecursionError as error:
            raise InputError(f"{path}:{number}: nested too deeply; write one sample per line") from error
        except ValueError as error:
            raise InputError(f"{path}:{number}: not JSON ({error}); write one sample per line") from error
        if not isinstance(row, dict):
            raise InputError(f"{path}:{number}: must be an object with 'text', 'messages' or 'instruction'")
        rows.append(row)
    if not rows:
        raise InputError(f"{path}: the {what} file is empty; it needs one sample per line")
    return rows
