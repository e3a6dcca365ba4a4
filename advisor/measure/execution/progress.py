"""Progress of a run: a live line on a terminal, a plain log elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from advisor.measure.state.events import Done, Event, Live
from advisor.measure.state.ledger import Entry
from advisor.record.mean_interval import half_width_90

if TYPE_CHECKING:
    from rich.console import Console

_LIVE = (
    ("ttft_ms/mean", "TTFT {:.0f} ms"),
    ("tpot_ms/mean", "TPOT {:.1f} ms"),
    ("output_tokens_per_s/mean", "{:.0f} tokens/s"),
    ("requests_per_s/mean", "{:.3g} requests/s"),
)


def outcome(entry: Entry) -> str:
    """What a step gave, in a few words."""
    if entry.failure is not None:
        return f"failed ({entry.failure.reason}): {entry.failure.detail}"
    result: Mapping[str, Any] = entry.result or {}
    if entry.kind == "bench":
        figures = result["figures"]
        return ", ".join(text.format(figures[name]) for name, text in _LIVE if name in figures)
    if entry.kind == "evaluate":
        return ", ".join(_score(row) for row in result["scores"][:4])
    if entry.kind == "quantize":
        return f"{result['weight_bytes'] / 1e9:.3g} GB"
    if entry.kind == "search":
        rate = result["rate"]
        return "no rate keeps the limits" if rate is None else f"{rate:g} requests/s keep the limits"
    return ""


def _score(row: Mapping[str, Any]) -> str:
    error = "" if row["stderr"] is None else f" ± {half_width_90(row['stderr']):.2g}"
    return f"{row['metric']} {row['value']:.4g}{error}"


def left(done: int, total: int, seconds: float) -> str:
    """Time left by the steps so far: `about 12 min left`; empty before the first."""
    if done == 0 or total <= done:
        return ""
    rest = seconds / done * (total - done)
    if rest < 90:
        return f"about {rest:.0f} s left"
    return f"about {rest / 60:.0f} min left" if rest < 5_400 else f"about {rest / 3_600:.1f} h left"


@contextmanager
def shown(console: Console, total: int, done: int) -> Iterator[Callable[[Event], None]]:
    """A function that shows events while the block runs."""
    start = time.monotonic()
    ended = 0

    def text(event: Event) -> str:
        nonlocal ended
        if not isinstance(event, Done):
            return f"{event.job}: {event.text}"
        ended += 1
        rest = left(ended, total - done, time.monotonic() - start)
        after = f"  [{done + ended}/{max(total, done + ended)}{', ' + rest if rest else ''}]"
        return f"{event.entry.title}: {outcome(event.entry)}{after}"

    if not console.is_terminal:
        began = time.strftime("%H:%M:%S")

        def log(event: Event) -> None:
            if isinstance(event, Live):
                return  # a log that nobody overwrites waits for the point's end
            line = text(event)
            console.print(
                f"{time.strftime('%H:%M:%S')} {line}", soft_wrap=True, markup=False, highlight=False
            )

        console.print(f"{began} {total} steps known, {done} done", soft_wrap=True, highlight=False)
        yield log
        return

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        line = bar.add_task("starting", total=total, completed=done)

        def live(event: Event) -> None:
            words = text(event)
            if not isinstance(event, Done):
                bar.update(line, description=words)
            else:
                bar.console.print(words, markup=False, highlight=False)
                bar.update(line, completed=done + ended, total=max(total, done + ended))

        yield live
