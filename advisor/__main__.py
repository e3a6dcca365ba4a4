"""The command `quantadvise`, also as `python -m advisor`: exit codes and the one line a failure ends in."""

from __future__ import annotations

import atexit
import gc
import sys

INTERRUPTED = 130
NEW_OBJECTS = 500_000
"""Objects made before the collector looks for cycles. A command makes some 100,000 that stay until it ends;
looking through them is a tenth of its time and more."""


def main() -> None:
    """Run the command line and exit: 0 done, 1 input or data wrong, 2 usage, 3 nothing keeps the limits, 130
    interrupted, 141 (by the signal) the output is closed."""
    try:
        gc.set_threshold(NEW_OBJECTS)
        # The interpreter looks once more when it ends, for what ends with it.
        atexit.register(gc.freeze)
        from advisor.cli.streams import end_by_signals, interrupts_end_it

        end_by_signals()
        code = run()
        interrupts_end_it()
    except BaseException as error:
        if not _is_interrupt(error):  # else: before the command line could take it, or inside an import
            raise
        code = INTERRUPTED
    sys.exit(code)


def run() -> int:
    """The exit code. A user's mistake is one line on stderr; everything else is our bug and a traceback."""
    from advisor.cli import streams
    from advisor.errors import QuantAdviseError, one_line

    if not streams.prepare():
        return streams.FAILED
    try:
        from advisor.cli.app import app_for
        from advisor.cli.raw_argument_checks import check, joined

        sys.argv[1:] = joined(sys.argv[1:])
        check(sys.argv[1:])
        app_for(sys.argv[1] if len(sys.argv) > 1 else None)(prog_name="quantadvise", standalone_mode=True)
        code = 0
    except SystemExit as ended:
        code = _code(ended)
    except QuantAdviseError as error:
        streams.complain(_as_typed(one_line(str(error))))
        code = error.exit_code
    except KeyboardInterrupt:
        code = streams.INTERRUPTED
    except OSError as error:
        if not streams.is_stream_failure(error):
            raise
        streams.complain(f"stdout: {error.strerror}; the answer could not be written")
        code = streams.FAILED
    return streams.flushed(code)


def _as_typed(line: str) -> str:
    """An error's line with the options by the names they were typed with."""
    import typer

    from advisor.cli.app import app_for
    from advisor.cli.raw_argument_checks import as_typed

    return as_typed(line, sys.argv[1:], typer.main.get_command(app_for()))


def _code(ended: SystemExit) -> int:
    """The exit code of the command line; typer makes 1 of an interrupt, the shell's word for it is 130."""
    if isinstance(ended.__context__, BaseException) and _is_interrupt(ended.__context__):
        return INTERRUPTED
    if ended.code is None:
        return 0
    return ended.code if isinstance(ended.code, int) else 1


def _is_interrupt(error: BaseException | None) -> bool:
    """Whether an interrupt is what an error came from."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


if __name__ == "__main__":
    main()
