"""A deployment's step time as tables: computed once as arrays, then read within microseconds."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from advisor.cost.array_table import Floats
from advisor.cost.serving.request_times import StepTime

_EXACT = 16
"""Batches up to this size stand in the tables themselves."""
_RATIO = 1.12
"""Next node ÷ this node beyond that; between nodes the tables are linear."""


def _nodes(high: float) -> Floats:
    """0, 1, 2 … 16, then geometric up to `high`."""
    grid = [float(i) for i in range(min(_EXACT, int(np.ceil(high))) + 1)]
    while grid[-1] < high:
        grid.append(min(high, grid[-1] * _RATIO))
    return np.array(grid)


class _Line:
    """A piecewise linear function of one variable; constant slope beyond its ends."""

    __slots__ = ("areas", "x", "y")

    def __init__(self, x: list[float], y: Floats) -> None:
        self.x = x
        self.y: list[float] = y.tolist()
        widths = np.diff(x)
        self.areas: list[float] = np.append(0.0, np.cumsum(widths * (y[1:] + y[:-1]) / 2)).tolist()

    def at(self, x: float) -> float:
        xs, ys = self.x, self.y
        i = min(max(bisect_right(xs, x), 1), len(xs) - 1)
        left = xs[i - 1]
        low = ys[i - 1]
        return low + (ys[i] - low) * (x - left) / (xs[i] - left)

    def area(self, x: float) -> float:
        """Integral of the table from its first node to `x`."""
        xs, ys = self.x, self.y
        i = min(max(bisect_right(xs, x), 1), len(xs) - 1)
        d = x - xs[i - 1]
        low = ys[i - 1]
        return self.areas[i - 1] + d * (low + (ys[i] - low) * d / (2 * (xs[i] - xs[i - 1])))


class StepTable:
    """Times of decode steps and of steps with prompts, for one deployment.

    A step with prompts is taken as a part that knows both token counts, plus the attention of the
    decoding sequences, plus the attention of the prompt tokens: GEMMs and overheads do not care how
    long a context is, and the two kinds of attention do not care for each other.
    """

    def __init__(self, step: StepTime, *, max_sequences: int, max_context: float, max_prefill: float) -> None:
        sequences = _nodes(max_sequences)
        context = _nodes(max(max_context, 2.0))
        prefill = _nodes(max(max_prefill, 2.0))
        largest = np.array([max(max_prefill, 2.0)])
        self._sequences: list[float] = sequences.tolist()
        self._context: list[float] = context.tolist()
        self._prefill: list[float] = prefill.tolist()

        def grid(b: Floats, c: Floats, p: Floats, d: Floats) -> Floats:
            """Step times over the outer product of the two inputs that have more than one value."""
            a = np.broadcast_arrays(b[:, None, None], c[None, :, None], p[None, None, :], d[None, None, :])
            flat = [np.ascontiguousarray(x, dtype=np.float64).ravel() for x in a]
            times = np.asarray(step.step_s(*flat), dtype=np.float64)
            return times.reshape(a[0].shape)

        none = np.zeros(1)
        self._decode = grid(sequences, context, none, none)[:, :, 0]
        with_prompts = grid(sequences, context, largest, none)[:, :, 0]
        self._decode_attention = with_prompts - with_prompts[:, :1]
        self._mixed = grid(sequences, none, prefill, none)[:, 0, :]
        # Prompt attention grows with tokens × context: one slope per context, at the largest chunk.
        attention = grid(none, none, np.repeat(largest, len(context)), context)[0, 0, :]
        self._prompt_attention = _Line(self._context, (attention - attention[0]) / largest[0])
        self._decode_rows: dict[int, _Line] = {}
        self._mixed_rows: dict[int, tuple[_Line, _Line]] = {}

    def _row(self, table: Floats, sequences: int) -> Floats:
        grid = self._sequences
        i = min(max(bisect_right(grid, sequences), 1), len(grid) - 1)
        share = (sequences - grid[i - 1]) / (grid[i] - grid[i - 1])
        return np.asarray(table[i - 1] + (table[i] - table[i - 1]) * share)

    def _decode_row(self, sequences: int) -> _Line:
        row = self._decode_rows.get(sequences)
        if row is None:
            row = self._decode_rows[sequences] = _Line(self._context, self._row(self._decode, sequences))
        return row

    def decode_s(self, sequences: int, context: float, steps: int = 1) -> float:
        """`steps` decode steps in a row, the first at a mean context of `context` tokens."""
        row = self._decode_row(sequences)
        if steps == 1:
            return row.at(context)
        return row.area(context + steps - 0.5) - row.area(context - 0.5)

    def decode_steps(self, sequences: int, context: float, seconds: float, limit: int) -> int:
        """The fewest decode steps, at most `limit` and at least 1, that take longer than `seconds`."""
        row = self._decode_row(sequences)
        start = row.area(context - 0.5)
        low, high = 1, limit
        while low < high:
            middle = (low + high) // 2
            if row.area(context + middle - 0.5) - start > seconds:
                high = middle
            else:
                low = middle + 1
        return low

    def mixed_s(self, sequences: int, context: float, prefill_tokens: float, prefill_context: float) -> float:
        """One step that decodes `sequences` and works on `prefill_tokens` prompt tokens."""
        rows = self._mixed_rows.get(sequences)
        if rows is None:
            rows = self._mixed_rows[sequences] = (
                _Line(self._prefill, self._row(self._mixed, sequences)),
                _Line(self._context, self._row(self._decode_attention, sequences)),
            )
        attention = prefill_tokens * self._prompt_attention.at(prefill_context)
        return rows[0].at(prefill_tokens) + (rows[1].at(context) if sequences else 0.0) + attention
