"""Any bytes in any file: an answer or one line, for every reader."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from advisor.__main__ import run
from tests.hostile.test_inputs import READERS

WORDS = st.sampled_from(
    [
        *(b"model", b"load", b"input_tokens", b"name", b"results", b"{", b"}", b"[", b"]", b":", b","),
        *(b"\n", b"1", b"-1", b"1e999", b"null", b'"', b"\t", b" ", b"#quantadvise speed 1", b"&a", b"*a"),
        *(b"!!", b"---", b"\xff", b"\0"),
    ]
)
CONTENT = st.binary(max_size=200) | st.lists(WORDS, max_size=40).map(b"".join)


def outcome(words: tuple[object, ...]) -> tuple[int, str]:
    """Exit code and stderr of one run in this process."""
    out, err, before = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["quantadvise", *map(str, words)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            return run(), err.getvalue()
    finally:
        sys.argv = before


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=CONTENT)
@example(content=b"\xef\xbb\xbf{}")
def test_any_bytes_are_read_or_refused_in_one_line(reader: str, content: bytes) -> None:
    name, question = READERS[reader]
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in", name)
        path.parent.mkdir()
        path.write_bytes(content)
        os.chdir(folder)
        try:
            code, err = outcome(question(path))
        finally:
            os.chdir(before)
    assert code in (0, 1, 2, 3), err
    if code == 1:
        assert "Traceback" not in err
        assert all(line.isprintable() for line in err.splitlines()), repr(err)
