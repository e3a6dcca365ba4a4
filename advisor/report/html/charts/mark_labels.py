"""Names beside the marks of a chart: one for each format, where there is room for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import dist, log
from typing import Any, NamedTuple

WIDTH, HEIGHT = 540.0, 210.0
"""Pixels of a drawing on the narrowest screen that has names; on a wider one there is more room."""
LETTER, LINE, MARK, RING = 7.2, 13.0, 6.0, 12.0
"""Pixels of a letter and of a line at most, and from the middle of a mark, of the ring, to its edge."""
GAP = 4.0
"""Pixels between a mark's edge and its name."""
HIDDEN = 4.0
"""Marks whose middles are nearer than this cover one another."""
ROOM = 0.16
"""Part of the axis that is kept free for the name of the leftmost mark."""


class _Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Box) -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def format_names(points: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
    """The cheapest mark of each format with its name, the first of the ranking before all others.

    points: rows with `format`, `place`, `x` (log scale) and `y`. A name stands left of its mark, else right
    of it; where it would touch another name or mark, it is left out.
    """
    if not points:
        return []
    cheapest: dict[str, Mapping[str, Any]] = {}
    for row in sorted(points, key=lambda row: (row["place"] != 1, row["x"])):
        cheapest.setdefault(row["format"], row)
    at = _places(points)
    taken = [_mark(*at(row)) for row in points]
    made: list[dict[str, object]] = []
    named: list[tuple[float, float]] = []
    for row in cheapest.values():
        middle, far = at(row), RING if row["place"] == 1 else MARK
        if any(dist(middle, other) < HIDDEN for other in named):
            continue
        others = [box for box in taken if box != _mark(*middle)]
        for side in (-1, 1):
            box = _text(middle, len(row["format"]), far, side)
            if box.right < WIDTH and not any(box.meets(other) for other in others):
                taken.append(box)
                named.append(middle)
                shift = side * (far + GAP)
                made.append({"format": row["format"], "x": row["x"], "y": row["y"], "shift": shift})
                break
    return made


def lowest(points: Sequence[Mapping[str, Any]]) -> float | None:
    """Where the axis begins, so that the leftmost mark has room for its name; None without marks."""
    if not points:
        return None
    every = [row["x"] for row in points]
    return float(min(every) / max(max(every) / min(every), 2.0) ** ROOM)


def _places(points: Sequence[Mapping[str, Any]]) -> Any:
    """What gives a row's place in pixels, from the top left."""
    x, y = [log(row["x"]) for row in points], [row["y"] for row in points]
    low, wide, high = min(x), max(x) - min(x) or 1.0, max(y) - min(y) or 1.0
    left = ROOM * WIDTH

    def at(row: Mapping[str, Any]) -> tuple[float, float]:
        across = left + (WIDTH - left) * (log(row["x"]) - low) / wide
        return across, HEIGHT * (max(y) - row["y"]) / high

    return at


def _mark(x: float, y: float) -> _Box:
    return _Box(x - MARK, y - MARK, x + MARK, y + MARK)


def _text(at: tuple[float, float], letters: int, edge: float, side: int) -> _Box:
    x, y = at
    near, far = x + side * (edge + 1), x + side * (edge + GAP + LETTER * letters)
    return _Box(min(near, far), y - LINE / 2, max(near, far), y + LINE / 2)
