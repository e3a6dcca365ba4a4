"""Attacks the store: pairs of imports at once, kill -9 in the middle of one; prints what was lost or doubled.

    python benchmarks/attack_store.py [--pairs 300] [--kills 200] [--seed 0]

Ends with 1 where a row was lost or doubled, or a file could not be read afterwards.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from advisor.record.store import read_speed

ADD = """
import sys
from pathlib import Path
from advisor.record.importers.merge_rows import add_speed
from tests.record import build
path, who, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for k in range(count):
    add_speed(path, [build.speed(source=f"both {k}"), build.speed(source=f"own {who} {k}")])
    print(k, flush=True)
"""
ROWS = 5
ROOT = Path(__file__).resolve().parent.parent


def adding(path: Path, who: str, count: int) -> subprocess.Popen[str]:
    """A process that adds rows one by one, and says each when it is on disk."""
    words = [sys.executable, "-c", ADD, str(path), who, str(count)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def pairs(count: int, folder: Path) -> int:
    """Pairs of imports into one file at once; how many left a row out, or one twice."""
    wrong = 0
    for k in range(count):
        path = folder / f"pair-{k}.csv"
        both = [adding(path, who, ROWS) for who in ("a", "b")]
        codes = [process.wait() for process in both]
        sources = [row.source for row in read_speed(path)]
        wrong += codes != [0, 0] or len(sources) != 3 * ROWS or len(set(sources)) != 3 * ROWS
    return wrong


def kills(count: int, folder: Path, rng: random.Random) -> int:
    """Imports killed at a random moment, all into one file; how many lost a row said to be on disk."""
    path, wrong, said = folder / "killed.csv", 0, set[str]()
    for k in range(count):
        process = adding(path, str(k), 10_000)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.05))
        process.kill()
        done = 1 + len(process.stdout.read().splitlines())
        process.wait()
        said |= {f"own {k} {i}" for i in range(done)}
        sources = [row.source for row in read_speed(path)]
        wrong += not said <= set(sources) or len(sources) != len(set(sources))
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pairs", type=int, default=300)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        lost = pairs(given.pairs, Path(name))
        print(f"{given.pairs} pairs of imports at once: {lost} lost or doubled a row")
        torn = kills(given.kills, Path(name), random.Random(given.seed))
        print(f"{given.kills} imports killed: {torn} lost or doubled a row")
    sys.exit(1 if lost or torn else 0)


if __name__ == "__main__":
    main()
