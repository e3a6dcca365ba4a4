"""The quality gate where quantadvise is not: `gate_worker.py RESULTS FORMAT BASE…`

RESULTS holds what `--write-commands` scripts leave: lm-eval's own files below `FORMAT-tpN/`. Prints the
score that shows that FORMAT's checkpoint is broken, and exits with 4; with 0 where none does, or where
nothing can be compared. A file that cannot be read is named on stderr and says nothing of a checkpoint.
Standard library only.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

MAX_LOST_SHARE = 0.10
"""Largest share of a score that may be lost, where higher is better; published checkpoints of 8B and more
lose 1 to 3 %."""
MAX_PERPLEXITY_RATIO = 1.5
NOISE = 3.0
"""Standard errors that a loss must exceed, too."""
MOST_BYTES = 1 << 30
BROKEN = 4


def is_broken(score: Mapping[str, Any], base: Mapping[str, Any]) -> bool:
    """Whether `score` lost so much against the 16-bit `base` that benchmarks of its checkpoint are wasted."""
    if not score["higher_is_better"]:
        return bool(base["value"] > 0 and score["value"] > MAX_PERPLEXITY_RATIO * base["value"])
    lost = base["value"] - score["value"]
    noise = NOISE * math.hypot(score["stderr"] or 0.0, base["stderr"] or 0.0)
    return bool(lost > MAX_LOST_SHARE * abs(base["value"]) and lost > noise)


def loss_text(score: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    """`gsm8k exact_match is 0.41, with 16 bits 0.76`."""
    name = f"{score['task']} {score['metric']}"
    return f"{name} is {score['value']:.4g}, with 16 bits {base['value']:.4g}"


def first_loss(
    scores: Mapping[tuple[str, ...], Mapping[str, Any]], base: Mapping[tuple[str, ...], Mapping[str, Any]]
) -> str | None:
    """The first score, in the order of the keys that both have, that is broken; None where none is."""
    for key in sorted(scores.keys() & base.keys()):
        if is_broken(scores[key], base[key]):
            return loss_text(scores[key], base[key])
    return None


def figures(found: Mapping[str, Any]) -> Iterator[tuple[str, str, float, float | None]]:
    """Metric, filter, value and standard error of a task's finite scores, as lm-eval writes them."""
    for key, value in found.items():
        metric, comma, name = key.partition(",")
        if comma and not metric.endswith("_stderr") and _finite(value):
            stderr: Any = found.get(f"{metric}_stderr,{name}")
            yield metric, name, float(value), float(stderr) if _finite(stderr) else None


def scores(row: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Each finite score of lm-eval's file by what makes two comparable, and its value and error."""
    for task, found in row["results"].items():
        asked = (row.get("n-shot", {}).get(task), row.get("versions", {}).get(task))
        counted = row.get("n-samples", {}).get(task, {}).get("effective")
        prompts = row.get("task_hashes", {}).get(task)
        for metric, name, value, stderr in figures(found):
            higher = row.get("higher_is_better", {}).get(task, {}).get(metric, True)
            score = {
                "task": task,
                "metric": metric,
                "value": value,
                "stderr": stderr,
                "higher_is_better": bool(higher),
            }
            yield tuple(map(str, (task, metric, name, *asked, counted, prompts))), score


def _finite(value: object) -> bool:
    """lm-eval writes 'N/A' where it computes no error."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _of(results: Path, formats: Sequence[str]) -> dict[tuple[str, ...], dict[str, Any]]:
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for format in formats:
        for path in sorted(results.glob(f"{format}-tp*/lm_eval-*/*/results_*.json")):
            found |= _read(path)
    return found


def _read(path: Path) -> dict[tuple[str, ...], dict[str, Any]]:
    """The scores of one file; none where it is no result of lm-eval, which is said."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError("larger than any")
        return dict(scores(json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        print(f"{path}: no result of lm-eval ({type(error).__name__}: {error})", file=sys.stderr)
        return {}


def main(words: Sequence[str]) -> int:
    results, format, *base = words
    mine, theirs = _of(Path(results), [format]), _of(Path(results), base)
    lost = first_loss(mine, theirs)
    if lost is None:
        return 0
    print(lost)
    return BROKEN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
