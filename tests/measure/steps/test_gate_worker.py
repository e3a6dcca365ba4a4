"""The gate's script judges lm-eval's own files as a run judges its scores, and trips over no file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from advisor.measure.steps.quality_gate import WORKER


def row(value: float, stderr: object = 0.01, *, metric: str = "acc", **changed: Any) -> dict[str, Any]:
    return {
        "results": {"facts": {f"{metric},none": value, f"{metric}_stderr,none": stderr, "alias": "facts"}},
        "higher_is_better": {"facts": {metric: metric == "acc"}},
        "n-shot": {"facts": 0},
        "n-samples": {"facts": {"original": 500, "effective": 500}},
        "versions": {"facts": 1.0},
    } | changed


def judged(folder: Path, int4: object, bf16: object) -> subprocess.CompletedProcess[str]:
    for name, content in (("int4-tp1", int4), ("bf16-tp2", bf16)):
        path = folder / "results" / name / "lm_eval-1" / "model" / "results_2026.json"
        path.parent.mkdir(parents=True)
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text)
    words = [sys.executable, "-I", "-S", WORKER, "results", "int4", "bf16", "fp16"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("int4", "bf16", "said"),
    [
        (row(0.50), row(0.60), "facts acc is 0.5, with 16 bits 0.6\n"),
        (row(0.58), row(0.60), ""),
        (row(0.50, 0.05), row(0.60, 0.05), ""),
        (row(0.50, "N/A"), row(0.60, "N/A"), "facts acc is 0.5, with 16 bits 0.6\n"),
        (row(19.0, metric="ppl"), row(10.0, metric="ppl"), "facts ppl is 19, with 16 bits 10\n"),
        (row(12.0, metric="ppl"), row(10.0, metric="ppl"), ""),
        (row(0.50, **{"n-shot": {"facts": 5}}), row(0.60), ""),  # another protocol
        (row(0.50, task_hashes={"facts": "a"}), row(0.60, task_hashes={"facts": "b"}), ""),
        (row(0.50), row(float("nan")), ""),
    ],
)
def test_what_is_broken(int4: object, bf16: object, said: str, tmp_path: Path) -> None:
    done = judged(tmp_path, int4, bf16)
    assert (done.stdout, done.stderr, done.returncode) == (said, "", 4 if said else 0)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"results": 3}', '{"results": {"facts": null}}', "[" * 9999]
)
def test_a_file_that_is_no_result_is_named_and_says_nothing(text: str, tmp_path: Path) -> None:
    done = judged(tmp_path, text, row(0.6))
    assert (done.stdout, done.returncode) == ("", 0)
    assert done.stderr.startswith(
        "results/int4-tp1/lm_eval-1/model/results_2026.json: no result of lm-eval ("
    )
    assert done.stderr.count("\n") == 1
