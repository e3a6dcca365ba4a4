"""A short question to a program, such as its version: its output, under the guard, within seconds."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from advisor.measure.tools.subprocesses import GUARD

LIMIT_S = 10.0
MAX_OUTPUT_BYTES = 4_000_000
GRACE_S = 0.2


def answer(argv: Sequence[str], *, limit_s: float = LIMIT_S) -> str | None:
    """What a program prints; None when it does not start, fails, takes longer, or prints too much.

    Whatever it started ends with it, in time or not.
    """
    with tempfile.TemporaryFile() as out:
        try:
            program = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD), str(GRACE_S), "--", *argv],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            return None
        try:
            code: int | None = program.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            assert program.stdin is not None
            program.stdin.close()  # the guard ends what is left
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(timeout=GRACE_S + 10)
            if program.poll() is None:
                program.kill()
                program.wait()
        if code != 0:
            return None
        out.seek(0)
        text = out.read(MAX_OUTPUT_BYTES + 1)
    return None if len(text) > MAX_OUTPUT_BYTES else text.decode("utf-8", "replace")
