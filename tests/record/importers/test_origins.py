"""What each importer was built from: the tool's published schema, or a file that the tool wrote."""

from __future__ import annotations

import re
from types import ModuleType

import pytest

from advisor.record.importers.read_result_file import SPEED_TOOLS, read_results
from advisor.record.importers.tools import lm_eval
from tests.record.importing import DATA

RECORDED = re.compile(r"[Rr]ecorded from ([\w`. -]+ of )?[\w-]+ \d[\d.]* ")
BY_HAND = re.compile(r"\*\*[Ww]ritten by hand\*\*")
SCHEMA = re.compile(r"\.(py|cc|md)\b|publishes")
"""Where the keys were read: a file of the tool's source or documentation, or what its project publishes."""

FOLDER = {"vllm_offline": "vllm_bench"}
"""Importers whose files lie beside another's: vLLM's runs without a server are written in the tests."""


def name_of(tool: ModuleType) -> str:
    return tool.__name__.rsplit(".", 1)[-1]


@pytest.mark.parametrize("tool", [*SPEED_TOOLS, lm_eval], ids=name_of)
def test_an_importer_rests_on_a_recorded_file_or_on_a_schema_that_is_named(tool: ModuleType) -> None:
    name = name_of(tool)
    readme = (DATA / FOLDER.get(name, name) / "README.md").read_text(encoding="utf-8")
    origin = f"{tool.__doc__}\n{readme}"
    assert RECORDED.search(readme) or BY_HAND.search(readme)
    assert RECORDED.search(readme) or SCHEMA.search(origin)


@pytest.mark.parametrize(
    "folder", sorted({FOLDER.get(name_of(t), name_of(t)) for t in (*SPEED_TOOLS, lm_eval)})
)
def test_every_file_of_a_tool_has_an_origin(folder: str) -> None:
    """Where a folder has recorded files and such written by hand, the README says of each which it is."""
    readme = (DATA / folder / "README.md").read_text(encoding="utf-8")
    if not (RECORDED.search(readme) and BY_HAND.search(readme)):
        return
    for path in (DATA / folder).iterdir():
        if path.name != "README.md":
            assert re.search(rf"{re.escape(path.name)} is (recorded|\*\*written by hand)", readme), path.name


@pytest.mark.parametrize(
    ("file", "key"),
    [
        ("vllm_bench/concurrency.json", "std_ttft_ms"),
        ("sglang_bench/vllm.jsonl", "max_itl_ms"),
        ("guidellm/v2_concurrent.json", "time_per_output_token_ms"),
        ("guidellm/v2_concurrent.json", "request_concurrency"),
        ("aiperf/recorded_0.13.0.json", "time_to_second_token"),
        ("aiperf/recorded_0.13.0.json", "inter_token_latency"),
        ("inference_perf/stage_1_lifecycle_metrics.json", "latency.normalized_time_per_output_token"),
        ("llmd_report/report_v0.1.yaml", "max"),
        ("mlperf/server_summary.txt", "97.00 percentile latency (ns)"),
    ],
)
def test_what_is_not_taken_is_named_with_the_reason(file: str, key: str) -> None:
    left = dict(pair for run in read_results(DATA / file).runs for pair in run.left_out)
    assert left[key]
