"""Writes the small fit that tests of whole answers read: new measurements then rewrite none of their texts.

    python benchmarks/freeze_fit.py [--out tests/data/frozen_fit]

It is a true fit, by the code that fits, to the rows that ship of a few sources: the seed paper's, and enough
of vLLM V1, AMD's GPUs and mixtures of experts that every question of the tests has intervals and neighbours.
Renew it only when the version or the meaning of the files changes; `pytest --regenerate` then rewrites the
texts.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from advisor import atomic_files
from advisor.cost import fit_file
from advisor.cost.learn import learn
from advisor.cost.quality import accuracy_fit_file as quality_file
from advisor.cost.quality.quality_model import fit_quality
from advisor.record.measurement import QualityMeasurement, SpeedMeasurement
from advisor.record.prior_constants import read_accuracy_constants
from advisor.record.store import read_quality, read_speed
from advisor.shipped_files import shipped

OUT = Path(__file__).resolve().parent.parent / "tests" / "data" / "frozen_fit"

SPEED_SOURCES: tuple[tuple[str, frozenset[str]], ...] = (
    ("arXiv:2411.02355v4", frozenset({"A6000", "A100-SXM-80GB", "A100-PCIe-80GB", "H100-SXM"})),
    ("ML.ENERGY v3 LM Arena chat", frozenset({"H100-SXM"})),
    ("inference-perf KubeCon", frozenset({"H100-SXM"})),
    ("LLMServingSim bench", frozenset({"RTX-PRO-6000", "RTX4090"})),
    ("MLPerf Inference", frozenset({"H100-SXM", "L40S"})),
    ("ROCm vllm-dev docker page", frozenset({"MI300X"})),
)
"""How the `source` of a row begins, and the GPUs whose rows are taken."""

QUALITY_SOURCES = (
    "arXiv:2411.02355v4",
    "InternLM/lmdeploy docs kv_quant",
    "model card RedHatAI/Llama-3.1-8B-Instruct-NVFP4",
    "model card RedHatAI/Llama-3.3-70B-Instruct",
    "model card RedHatAI/Qwen3-8B",
)


def speed_rows(rows: Sequence[SpeedMeasurement]) -> list[SpeedMeasurement]:
    """The rows to fit on, in their order."""
    return [
        row
        for row in rows
        if any(row.source.startswith(begin) and row.gpu in gpus for begin, gpus in SPEED_SOURCES)
    ]


def quality_rows(rows: Sequence[QualityMeasurement]) -> list[QualityMeasurement]:
    """The scores to fit on, in their order."""
    return [row for row in rows if row.source.startswith(QUALITY_SOURCES)]


def main(out: Path) -> None:
    base = shipped("measurements")
    speed, _ = learn(speed_rows(read_speed(base)), progress=print)
    quality = fit_quality(quality_rows(read_quality(base)), read_accuracy_constants(base))
    for name, text in ((fit_file.NAME, fit_file.dumps(speed)), (quality_file.NAME, quality.to_json())):
        atomic_files.write_output(out / name, text)
        print(f"{out / name}: {len(text) / 1000:.0f} kB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=OUT)
    main(parser.parse_args().out)
