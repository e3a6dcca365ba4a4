"""From what options say to values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from advisor.cli import options_to_model_and_workload as asked_of
from advisor.cli.option_groups import Asked, Limits, Named, Prices, Served
from advisor.cli.streams import notes_with_answer
from advisor.errors import InputError
from advisor.spec.workloads.workload import Workload


def asked(limits: Limits | None = None, **flags: object) -> Workload:
    return asked_of.the_workload(Asked(**flags), limits or Limits(), Prices())  # type: ignore[arg-type]


def test_a_model_is_named_in_one_of_three_ways() -> None:
    by_argument = asked_of.the_model(Named(model="Llama-3.1-8B-Instruct"))
    assert by_argument == asked_of.the_model(Named(model_option="Llama-3.1-8B-Instruct"))
    assert asked_of.the_model(Named(params="8B")).typical
    with pytest.raises(InputError, match="more than once"):
        asked_of.the_model(Named(model="Qwen3-8B", params="8B"))
    with pytest.raises(InputError, match="none named"):
        asked_of.the_model(Named())


def test_flags_stand_before_the_profile_and_the_rest_is_the_profiles() -> None:
    plain, faster = asked(workload="chat"), asked(workload="chat", rate=3.0)
    assert (faster.load.arrival.kind, faster.load.arrival.value) == ("rate", 3.0)
    assert faster.load.input_tokens == plain.load.input_tokens
    assert faster.limits == plain.limits


def test_flags_alone_make_a_workload() -> None:
    made = asked(input_tokens=700, output_tokens=100, concurrency="16")
    assert (made.load.input_tokens.mean, made.load.output_tokens.mean) == (700, 100)
    assert (made.load.arrival.kind, made.load.arrival.value) == ("concurrency", 16)


def test_no_workload_is_chat_and_stderr_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with notes_with_answer():
        assert asked().load == asked(workload="chat").load
    assert "assumed is chat" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["max", "maximum"])
def test_a_concurrency_may_be_the_maximum(text: str) -> None:
    assert asked(Limits(slo=["none"]), workload="chat", concurrency=text).load.arrival.kind == "maximum"


@pytest.mark.parametrize(
    ("flags", "limits", "remedy"),
    [
        ({"context": "4096"}, Limits(), "--input-tokens 4096"),
        ({}, Limits(latency="200"), "--slo e2e_p95=200"),
        ({"concurrency": "many"}, Limits(), "give a whole number or max"),
    ],
)
def test_what_leaves_open_what_is_meant_is_refused_with_what_says_it(
    flags: dict[str, object], limits: Limits, remedy: str
) -> None:
    with pytest.raises(InputError, match=remedy):
        asked(limits, workload="chat", **flags)


def test_the_engine_is_the_flags_then_the_profiles_then_the_newest() -> None:
    plain = asked(workload="chat")
    stated = replace(
        plain,
        engine=asked_of.the_engine(Served(engine="vllm 0.8.5", max_num_seqs=32), plain),
    )
    assert stated.engine is not None
    kept = asked_of.the_engine(Served(), stated)
    assert (kept.version, kept.max_num_seqs) == ("0.8.5", 32)
    changed = asked_of.the_engine(Served(max_num_seqs=64), stated)
    assert (changed.version, changed.max_num_seqs) == ("0.8.5", 64)
    assert asked_of.the_engine(Served(engine="vllm 0.11.0"), stated).max_num_seqs == 32


@pytest.mark.parametrize(
    "served",
    [Served(max_num_seqs=0), Served(max_num_batched_tokens=10**9), Served(gpu_memory_utilization="1.2")],
)
def test_a_setting_that_no_engine_takes_is_refused(served: Served) -> None:
    with pytest.raises(InputError, match=r"is not|expected a share above 0 and up to 1"):
        asked_of.the_engine(served, asked(workload="chat"))


@pytest.mark.parametrize("text", ["H100=2.5", "H100:2.5", "h100-sxm=2.5"])
def test_a_price_names_a_gpu_and_usd_per_hour(text: str) -> None:
    assert list(asked_of.own_prices([text], of=None).values()) == [2.5]


def test_records_are_folders_that_are_there(tmp_path: Path) -> None:
    assert asked_of.record_folders(None) == []
    assert asked_of.record_folders([str(tmp_path)]) == [tmp_path]
    with pytest.raises(InputError, match="is empty"):
        asked_of.record_folders([" "])
    with pytest.raises(InputError, match="no such file or folder"):
        asked_of.record_folders([str(tmp_path / "none")])


@pytest.mark.parametrize(
    ("name", "log"), [("a.jsonl", True), ("A.CSV", True), ("chat", False), ("w.yaml", False)]
)
def test_a_request_log_is_known_by_its_ending(name: str, log: bool) -> None:
    assert asked_of.is_log(name) is log
