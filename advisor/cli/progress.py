"""A progress line for work that takes over a second: on stderr, only on a terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE_S = 0.5
"""Work that is done sooner shows nothing: a spinner that only flashes up does not help."""


@contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """A spinner, `what` and the seconds gone while the block runs; gives what says a line in between.

    Where stderr is no terminal there is no spinner, and the lines are printed as they come.
    """
    if not sys.stderr.isatty():
        yield lambda line: typer.echo(line, err=True)
        return
    shown = _progress(what)
    begin = threading.Timer(PATIENCE_S, shown.start)
    begin.daemon = True
    begin.start()
    try:
        yield lambda line: shown.console.print(line, markup=False, highlight=False)
    finally:
        begin.cancel()
        begin.join()
        shown.stop()


def _progress(what: str) -> Progress:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    progress = Progress(*columns, console=Console(file=sys.stderr), transient=True)
    progress.add_task(what, total=None)
    return progress
