"""Logs whose prompts are lists of block hashes: the block's size and the clock are the form's own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from advisor.errors import DataError, InputError
from advisor.spec.workloads.traces.profile_of_trace import profile_from_trace
from advisor.spec.workloads.traces.read_trace import read_trace

BAILIAN: Sequence[Mapping[str, Any]] = [
    # keys as alibaba-edu/qwen-bailian-usagetraces-anon has them; figures made up
    {
        "chat_id": 159,
        "parent_chat_id": -1,
        "timestamp": 61.1,
        "input_length": 48,
        "output_length": 132,
        "type": "text",
        "turn": 1,
        "hash_ids": [1, 2, 3],
    },
    {
        "chat_id": 160,
        "parent_chat_id": 159,
        "timestamp": 62.6,
        "input_length": 80,
        "output_length": 80,
        "type": "text",
        "turn": 2,
        "hash_ids": [1, 2, 3, 4, 5],
    },
    {
        "chat_id": 161,
        "parent_chat_id": -1,
        "timestamp": 63.1,
        "input_length": 20,
        "output_length": 7,
        "type": "image",
        "turn": 1,
        "hash_ids": [9, 10],
    },
]


def written(folder: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    path = folder / "log.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_bailians_clock_is_in_seconds_and_its_blocks_have_16_tokens(tmp_path: Path) -> None:
    trace = read_trace(written(tmp_path, BAILIAN))
    assert trace.format == "bailian"
    assert [one.at_s for one in trace.requests] == [61.1, 62.6, 63.1]
    # the second prompt repeats the first's three blocks
    assert [one.cached_tokens for one in trace.requests] == [0, 48, 0]


def test_bailians_turns_belong_to_the_chat_that_began_them(tmp_path: Path) -> None:
    third = {**BAILIAN[1], "chat_id": 170, "parent_chat_id": 160, "timestamp": 70.0, "turn": 3}
    trace = read_trace(written(tmp_path, [*BAILIAN, third]))
    assert [one.conversation for one in trace.requests] == ["159", "159", "161", "159"]


def test_an_image_is_named(tmp_path: Path) -> None:
    assert [one.media for one in read_trace(written(tmp_path, BAILIAN)).requests] == [0, 0, 1]


def test_mooncakes_clock_is_in_ms_and_its_blocks_have_512_tokens(tmp_path: Path) -> None:
    rows = [
        {"timestamp": 0, "input_length": 1024, "output_length": 5, "hash_ids": [1, 2]},
        {"timestamp": 1500, "input_length": 1500, "output_length": 5, "hash_ids": [1, 2, 3]},
    ]
    trace = read_trace(written(tmp_path, rows))
    assert [one.at_s for one in trace.requests] == [0, 1.5]
    assert [one.cached_tokens for one in trace.requests] == [0, 1024]


def weka(**changes: Any) -> dict[str, Any]:
    """Keys as AIPerf's weka-trace.md has them; figures made up."""
    requests = [
        {"t": 0.0, "type": "s", "model": "a", "in": 128, "out": 9, "hash_ids": [1, 2], "api_time": 1.5},
        {"t": 3.0, "type": "subagent", "agent_id": "x", "requests": []},
        {"t": 9.0, "type": "n", "model": "a", "in": 192, "out": 3, "hash_ids": [1, 2, 3], "api_time": 1.0},
    ]
    return {"id": "p1", "block_size": 64, "hash_id_scope": "local", "requests": requests, **changes}


@pytest.mark.parametrize(
    ("changes", "cached"), [({}, 128), ({"block_size": 32}, 64), ({"block_size": 0}, 128)]
)
def test_wekas_blocks_are_as_large_as_the_file_says(
    tmp_path: Path, changes: dict[str, Any], cached: int
) -> None:
    path = tmp_path / "trace_0001.json"
    path.write_text(json.dumps(weka(**changes)), encoding="utf-8")
    trace = read_trace(path)
    assert trace.format == "weka"
    assert [one.cached_tokens for one in trace.requests] == [0, cached]
    assert [one.at_s for one in trace.requests] == [0, 9]
    assert trace.skipped == 1  # the subagent's marker


def test_a_time_that_is_none_is_named_in_the_logs_own_unit(tmp_path: Path) -> None:
    path = written(tmp_path, [{**BAILIAN[0], "timestamp": "noon"}])
    with pytest.raises(DataError, match=r"log.jsonl: .*timestamp is 'noon', no number of seconds"):
        read_trace(path)


def test_a_bailian_log_becomes_a_profile(tmp_path: Path) -> None:
    found = profile_from_trace(written(tmp_path, [row for row in BAILIAN if row["type"] == "text"]))
    assert found.workload.load.arrival.value == pytest.approx(1 / 1.5, rel=0.01)


@pytest.mark.parametrize("first", ["0,0.27,6.02,Weibull,0.49,3.38", "0,0,0,,0,0"])
def test_servegens_clients_are_no_requests(tmp_path: Path, first: str) -> None:
    path = tmp_path / "chunk-0-trace.csv"
    path.write_text(f"{first}\n600,0,0,,0,0\n", encoding="utf-8")
    with pytest.raises(InputError, match="rates and distributions of ServeGen's clients"):
        read_trace(path)
