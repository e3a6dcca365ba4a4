"""A guard process around one program: when quantadvise ends, in whatever way, the program ends with its
children.

Run as a script by `subprocesses`, alone (standard library only), as leader of its own session:
`process_guard.py GRACE_S -- PROGRAM ARGUMENT…`. Its standard input is a pipe whose other end the parent
holds. The kernel closes it when the parent dies, kill -9 included, and the guard then ends everything. On
Linux it adopts orphans (PR_SET_CHILD_SUBREAPER), so that it also finds a grandchild that left the group.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.05
MAX_LOG_BYTES = 64_000_000
"""A log that grows beyond this is begun anew: its last lines say why a program ended."""


def _prctl(option: int, value: int) -> None:
    """A Linux process setting; elsewhere there is none and the pipe alone must do."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def descendants(root: int) -> list[int]:
    """Every process below `root`, children before grandchildren; empty where there is no /proc."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc") if os.path.isdir("/proc") else []:
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                # The name in brackets may hold spaces; state and parent follow the last bracket.
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if state != "Z":
            children.setdefault(int(parent), []).append(int(entry))
    found: list[int] = []
    todo = [root]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def _signal_all(number: int) -> bool:
    """Send to every process below us; False when there was none."""
    below = descendants(os.getpid())
    for pid in below:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return bool(below)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _end(child: subprocess.Popen[bytes], grace_s: float) -> None:
    """Ask with SIGINT (vLLM shuts its workers down in order), insist with SIGTERM, end with SIGKILL."""
    start = time.monotonic()
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
    insisted = False
    while child.poll() is None and time.monotonic() - start < grace_s:
        if not insisted and time.monotonic() - start > grace_s / 2:
            child.terminate()
            insisted = True
        time.sleep(POLL_S)
    if not os.path.isdir("/proc"):  # no list of processes: the group, ourselves with it, is all we can end
        os.killpg(0, signal.SIGKILL)
    for _ in range(100):
        if not _signal_all(signal.SIGKILL):
            break
        child.poll()
        _reap()
        time.sleep(POLL_S)


def _adopted_by_child(child: subprocess.Popen[bytes]) -> None:
    """The program ended by itself; what it left behind gets a moment, then ends."""
    for _ in range(20):
        _reap()
        if not descendants(os.getpid()):
            return
        time.sleep(POLL_S)
    _end(child, 0.0)


def _bound_log() -> None:
    """Empty the log on standard output when it is too large; what is appended next goes on from its start."""
    try:
        if os.fstat(1).st_size > MAX_LOG_BYTES:
            os.ftruncate(1, 0)
            os.write(1, b"(more than 64 MB were written here; they were dropped)\n")
    except OSError:
        return


def _prepare_child() -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def main(arguments: list[str]) -> int:
    """Run the program to its end; its exit status, 128 + signal as a shell says it."""
    grace_s = float(arguments[0])
    program = arguments[arguments.index("--") + 1 :]
    asked_to_end = False

    def ask(number: int, frame: object) -> None:
        nonlocal asked_to_end
        asked_to_end = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ask)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        child = subprocess.Popen(program, stdin=subprocess.DEVNULL, preexec_fn=_prepare_child)
    except OSError as error:
        print(f"{program[0]}: {error.strerror}", file=sys.stderr)
        return 127
    watching = [0]
    while child.poll() is None and not asked_to_end:
        try:
            ready, _, _ = select.select(watching, [], [], POLL_S)
        except InterruptedError:
            continue
        if ready and not os.read(0, 1024):
            asked_to_end = True
        _bound_log()
    if asked_to_end:
        _end(child, grace_s)
    else:
        _adopted_by_child(child)
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
