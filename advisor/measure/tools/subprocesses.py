"""Run one program: time limit, log file, its last lines in the error, everything it started ended."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from advisor.errors import ToolFailedError

GUARD = Path(__file__).with_name("process_guard.py")
TAIL_LINES = 400
"""vLLM's front end prints a hundred lines of its own after the root cause."""
GRACE_S = 15.0
"""vLLM on two CPU cores needs about 5 s to shut down after SIGINT."""


class ToolError(ToolFailedError):
    """A program that ended badly: its last lines, its log, how long it ran."""

    def __init__(
        self, message: str, *, tail: str, log: Path, seconds: float, timed_out: bool, why: str = ""
    ) -> None:
        super().__init__(message)
        self.why = why
        self.tail = tail
        self.log = log
        self.seconds = seconds
        self.timed_out = timed_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A program that ended well."""

    seconds: float
    log: Path


_active: set[Running] = set()
"""Programs of this process that were not stopped yet."""


def stop_all() -> None:
    """End every program that runs under a guard of ours; those who wait for one see it end."""
    threads = [threading.Thread(target=program.stop) for program in list(_active)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log without progress bars and colour; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 64_000))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    kept = [line.rsplit("\r", 1)[-1].rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    return "\n".join([line for line in kept if line.strip()][-lines:])


_SAYS_WHY = re.compile(r"(?:\b[A-Za-z_.]*(?:Error|Exception|Interrupt)\b\s*:|\berror:|No space left)")
_CALM = re.compile(r"^(?:\([^)]*pid=\d+\)\s*)?(?:INFO|WARNING|DEBUG)\s|warnings\.warn\(|Warning:")
_PREFIX = re.compile(r"^\([^)]*pid=\d+\)\s*(?:(?:ERROR|INFO|WARNING)\s\S+\s\S+\s\[[^\]]*\]\s*)?")


def complaints(text: str) -> list[str]:
    """A log's lines without vLLM's prefixes, and without what it says at level INFO or WARNING.

    Its first lines warn of 'OSError: Too many open files' on any machine with a low limit.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("$ ")]
    kept = [line for line in lines if not _CALM.search(line)]
    return [_PREFIX.sub("", line).strip() for line in kept]


def reason_line(text: str) -> str:
    """The line of a program's last words that says why: the last that names an error, else the last."""
    lines = complaints(text)
    for line in reversed(lines):
        # vLLM's front end ends with "Engine core initialization failed. See root cause above.", its executor
        # with "WorkerProc initialization failed … See stack trace for root cause."
        if _SAYS_WHY.search(line) and "root cause" not in line:
            return line[:400]
    return lines[-1][:400] if lines else "it said nothing"


_SIGNALLED = {"SIGKILL": "somebody, or the kernel for want of memory", "SIGSEGV": "a fault in its own code"}


def ending(code: int) -> str:
    """An exit status in words; the guard writes a signal as 128 + its number, as a shell does."""
    number = code - 128 if code > 128 else -code
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"ended with code {code}"
    return f"ended by {name} ({_SIGNALLED[name]})" if name in _SIGNALLED else f"ended by {name}"


class Running:
    """A program under its guard; ends with `stop`, with this process, or by itself."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        name: str = "",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        grace_s: float = GRACE_S,
    ) -> None:
        self.name = name or Path(argv[0]).name
        self.log = log
        self.grace_s = grace_s
        self.started = time.monotonic()
        self._lock = threading.Lock()
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            out.write(f"$ {' '.join(argv)}\n".encode())
            out.flush()
            # -I -S: the guard must not see the user's PYTHONPATH, and starts in 15 ms.
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD), str(grace_s), "--", *argv],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(os.environ if env is None else env),
                cwd=cwd,
                start_new_session=True,
            )
        _active.add(self)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    @property
    def group(self) -> int:
        """The process group that holds the guard and the program."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def wait(self, limit_s: float) -> int | None:
        """The program's exit code; None when it still runs after `limit_s` seconds."""
        try:
            return self._process.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """End it and everything it started; returns when they are gone."""
        with self._lock:
            if self._process.stdin is not None:
                with contextlib.suppress(OSError):
                    self._process.stdin.close()
            try:
                self._process.wait(timeout=self.grace_s + 10)
            except subprocess.TimeoutExpired:
                self._kill_group()
            else:
                if self._process.returncode < 0:  # somebody killed the guard itself
                    self._kill_group()
            _active.discard(self)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)

    def failure(self, why: str, *, timed_out: bool = False) -> ToolError:
        """The error for an end that was not a good one."""
        last = tail(self.log)
        return ToolError(
            f"{self.name}: {why}: {reason_line(last)}; log: {self.log}",
            tail=last,
            log=self.log,
            seconds=self.seconds,
            timed_out=timed_out,
            why=why,
        )


@contextmanager
def running(
    argv: Sequence[str],
    *,
    log: Path,
    name: str = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    grace_s: float = GRACE_S,
) -> Iterator[Running]:
    """A program that runs as long as the block does."""
    program = Running(argv, log=log, name=name, env=env, cwd=cwd, grace_s=grace_s)
    try:
        yield program
    finally:
        program.stop()


def run(
    argv: Sequence[str],
    *,
    log: Path,
    limit_s: float,
    name: str = "",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Ended:
    """Run to the end. Raises ToolError when it exits with another status than 0 or outlives `limit_s`."""
    with running(argv, log=log, name=name, env=env, cwd=cwd) as program:
        code = program.wait(limit_s)
        if code is None:
            raise program.failure(f"still running after its limit of {limit_s:.0f} s", timed_out=True)
        if code != 0:
            raise program.failure(ending(code))
        return Ended(seconds=program.seconds, log=log)
