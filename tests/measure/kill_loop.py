"""Kill a real measuring run at random moments, resume it, and compare with a run left in peace.

    python tests/measure/kill_loop.py FOLDER [--kills 20] [--seed 0] [--longest 60]

Needs the real tools (`quantadvise tools install`). Kills only the process it started, with SIGKILL; after
each kill no process of that run may be left. Prints one JSON object; exit status 1 when anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
import uuid
from pathlib import Path

from advisor.measure.tools import envs
from advisor.record import store

MARK = "QUANTADVISE_TEST_MARK"
WORKLOAD = "about: tiny\ninput_tokens: 48\noutput_tokens: 8\nload: {concurrency: 2}\n"
PATIENCE_S = 45.0


def left_over(mark: str) -> list[int]:
    """Processes whose environment carries the mark; vLLM's workers rename themselves, but keep it."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if f"{MARK}={mark}".encode() in environment and state != "Z":
            found.append(int(entry.name))
    return found


def command(root: Path, out: Path) -> list[str]:
    """The run: BF16 and INT4, two points and one task each."""
    return [
        *(sys.executable, "-m", "advisor", "measure", "--yes", "--out", str(out)),
        *("--model", str(root / "tiny" / "model"), "--workload", str(root / "workload.yaml")),
        *("--formats", "bf16,int4", "--concurrency", "2,4", "--repeats", "1", "--requests", "16"),
        *("--tasks", "tiny_facts", "--task-folder", str(root / "tiny" / "tasks")),
        *("--calibration", str(root / "tiny" / "calibration.jsonl"), "--calibration-length", "256"),
        *("--max-model-len", "512", "--max-num-seqs", "8", "--engine-arg=--enforce-eager"),
        "--no-quality-gate",  # so small a model loses a fifth of a score in int4
    ]


def identities(out: Path) -> tuple[list[str], dict[str, float]]:
    """What must be equal in both runs: every speed record but for its figures, every score with its value."""
    speed = [
        f"{row.model} {row.format} {row.gpu} {row.input_tokens} {row.output_tokens} {row.load} "
        f"{row.load_value} {row.metric} {row.statistic} {row.samples} {row.source}"
        for row in store.read_speed(out / "records")
    ]
    scores = {
        f"{row.model} {row.format} {row.task} {row.metric} {row.protocol} {row.samples}": row.value
        for row in store.read_quality(out / "records")
    }
    return speed, scores


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=60.0)
    asked = parser.parse_args()
    root = asked.folder.resolve()
    root.mkdir(parents=True, exist_ok=True)
    (root / "workload.yaml").write_text(WORKLOAD)
    if not (root / "tiny" / "model" / "config.json").exists():
        maker = Path(__file__).with_name("tiny_model.py")
        subprocess.run([envs.require("quantize").python, maker, root / "tiny"], check=True)

    calm_start = time.monotonic()
    subprocess.run(command(root, root / "calm"), check=True, stdout=subprocess.DEVNULL)
    calm_s = time.monotonic() - calm_start
    draw = random.Random(asked.seed)
    killed, finished, orphans, runs = 0, 0, [], []
    while killed < asked.kills or not runs or runs[-1] != "ended":
        out = root / f"killed-{finished}"
        mark = uuid.uuid4().hex
        log = (root / "killed.log").open("ab")
        run = subprocess.Popen(
            command(root, out), stdout=log, stderr=log, env={**os.environ, MARK: mark}, start_new_session=True
        )
        patience = draw.uniform(1, asked.longest) if killed < asked.kills else 3_600
        try:
            code = run.wait(timeout=patience)
            runs.append("ended" if code == 0 else f"failed {code}")
            if code != 0:
                break
            finished += killed < asked.kills  # too quick for the next kill: begin another folder
        except subprocess.TimeoutExpired:
            run.kill()
            run.wait()
            killed += 1
            runs.append(f"killed after {patience:.0f} s")
        end = time.monotonic() + PATIENCE_S
        while (left := left_over(mark)) and time.monotonic() < end:
            time.sleep(0.2)
        orphans += left
        print(f"{runs[-1]}, {len(left)} processes left", file=sys.stderr, flush=True)

    folders = sorted(root.glob("killed-*"))
    calm_speed, calm_scores = identities(root / "calm")
    same = []
    for folder in folders:
        speed, scores = identities(folder)
        same.append(speed == calm_speed and scores == calm_scores)
    answer = {
        "kills": killed,
        "runs": len(runs),
        "orphans": len(orphans),
        "folders": len(folders),
        "same_records": all(same) and bool(same),
        "speed_records": len(calm_speed),
        "quality_records": len(calm_scores),
        "undisturbed_s": round(calm_s),
    }
    print(json.dumps(answer))
    return 0 if answer["same_records"] and not orphans and killed >= asked.kills else 1


if __name__ == "__main__":
    sys.exit(main())
