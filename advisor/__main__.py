"""The command `quantadvise`, also as `python -m advisor`: exit codes and the one line a failure ends in."""

from __future__ import annotations

import os
import sys

from advisor.errors import QuantAdviseError

INTERRUPTED = 130


def main() -> None:
    """Run the command line; 0 done, 1 input or data wrong, 2 usage, 3 nothing keeps the limits."""
    sys.exit(run())


def run() -> int:
    """The exit code. A user's mistake is one line on stderr; everything else is our bug and a traceback."""
    from advisor.cli.app import app

    code = 0
    try:
        app(prog_name="quantadvise")
    except SystemExit as ended:
        code = _code(ended)
    except QuantAdviseError as error:
        print(f"quantadvise: {one_line(str(error))}", file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt:
        code = INTERRUPTED
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has gone (`quantadvise … | head`). What is left unwritten must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def one_line(text: str) -> str:
    """`text` without line breaks, so that a failure stays one line whatever a file's name contains."""
    return " ".join(text.split())


def _code(ended: SystemExit) -> int:
    if ended.code is None:
        return 0
    return ended.code if isinstance(ended.code, int) else 1


if __name__ == "__main__":
    main()
