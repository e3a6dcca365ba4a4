"""Files that a tool wrote: read up to a bound, and named in one line where they are malformed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from advisor.errors import DataError, InputError
from advisor.spec.reading.file_bytes import read_bytes

MAX_RESULT_BYTES = 1_000_000_000
"""Results with details of every request and item; of 100,000 requests they are some 100 MB."""


def read_text(path: Path, *, what: str, max_bytes: int = MAX_RESULT_BYTES) -> str:
    """The text of a file that a tool wrote. Raises DataError for none, a folder, a pipe, bytes, too much."""
    try:
        return read_bytes(path, max_bytes=max_bytes, what=what).decode("utf-8")
    except InputError as error:
        raise DataError(str(error)) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 at byte {error.start}; is it {what}?") from error


@contextmanager
def expected(where: str, what: str) -> Iterator[None]:
    """Turn whatever reading a malformed document raises into one line that names what is wrong."""
    try:
        yield
    except RecursionError as error:
        raise DataError(f"{where}: not {what} (nested too deeply)") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: not {what} (no JSON: {error})") from error
    except KeyError as error:
        raise DataError(f"{where}: not {what} (lacks {str(error)[:80]})") from error
    except (ValueError, TypeError, AttributeError, IndexError, ArithmeticError) as error:
        raise DataError(f"{where}: not {what} ({str(error)[:160]!r})") from error


def read_json(path: Path, *, what: str, max_bytes: int = MAX_RESULT_BYTES) -> Any:
    """The JSON of a file that a tool wrote. Raises DataError."""
    text = read_text(path, what=what, max_bytes=max_bytes)
    with expected(str(path), what):
        return json.loads(text)
