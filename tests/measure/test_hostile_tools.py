"""Tools that write nonsense fail their step in one line; the rest goes on, and the exit code says it."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import DataError, QuantAdviseError
from advisor.measure.state.ledger import Ledger
from advisor.measure.steps import bench, checkpoint, lm_eval_scores, time_kernels
from advisor.measure.tools import machine, process_guard, subprocesses
from tests.measure.test_run import Place

DATA = Path(__file__).parent / "data"
BENCH = json.loads((DATA / "vllm_0.32_bench_concurrency.json").read_text())
SCORES = json.loads((DATA / "lm_eval_0.4.13_tiny_mc_bf16.json").read_text())
ASKED = {"task": "tiny_mc", "backend": "hf", "chat_template": False, "seed": 0, "limit": None}

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def refusal(parse: Callable[[], object]) -> str:
    """The one error that a parser may raise; empty where it takes the text."""
    try:
        parse()
    except DataError as error:
        return str(error)
    return ""


@settings(max_examples=150, deadline=None)
@given(key=st.sampled_from(sorted(BENCH)), value=JSON, drop=st.booleans())
def test_one_key_of_a_benchmark_result_may_be_anything(key: str, value: Any, drop: bool):
    row = {name: one for name, one in BENCH.items() if name != key} | ({} if drop else {key: value})
    assert "\n" not in refusal(lambda: bench.parse(json.dumps(row), where="result.json"))


@settings(max_examples=100, deadline=None)
@given(key=st.sampled_from(sorted(SCORES)), value=JSON, drop=st.booleans())
def test_one_key_of_a_score_file_may_be_anything(key: str, value: Any, drop: bool):
    row = {name: one for name, one in SCORES.items() if name != key} | ({} if drop else {key: value})
    assert "\n" not in refusal(lambda: lm_eval_scores.parse(json.dumps(row), ASKED, where="result.json"))


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=60) | JSON.map(json.dumps))
def test_any_text_is_a_result_or_one_line(text: str):
    for parse in (
        lambda: bench.parse(text, where="f"),
        lambda: lm_eval_scores.parse(text, ASKED, where="f"),
        lambda: time_kernels.parse(text, machine.cpu(), where="f"),
    ):
        assert "\n" not in refusal(parse)


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_ledger_entry_or_one_line(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    folder = tmp_path_factory.mktemp("ledger")
    (folder / "ledger").mkdir()
    (folder / "ledger" / "0123456789abcdef.json").write_bytes(content)
    with pytest.raises(DataError, match="remove the file, and its step runs again"):
        Ledger(folder)


@pytest.mark.parametrize("config", ["[]", "nul", "[" * 99_999, "\udcff", '{"model_type": "\x00"'])
def test_a_model_whose_config_is_no_config(tmp_path: Path, config: str):
    (tmp_path / "config.json").write_bytes(config.encode("utf-8", "surrogateescape"))
    with pytest.raises(QuantAdviseError, match="config"):
        checkpoint.of_folder(tmp_path)


WORDS = ("--formats", "bf16", "--concurrency", "1,4", "--repeats", "1")


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ("folder", "is a folder"),
        ("pipe", "is not a regular file"),
        ("bytes", "not UTF-8"),
        ("null", "not a result of `vllm bench serve`"),
        ("[" * 9_999, "not a result of `vllm bench serve`"),
        ('{"completed": 5}', "lacks 'failed'"),
    ],
)
def test_a_benchmark_that_writes_nonsense_is_a_failed_step(place: Place, result: str, said: str):
    done = place.run(*WORDS, STAND_IN_RESULT=result)
    assert done.returncode == 5, done.stderr
    assert "Traceback" not in done.stderr
    assert "nothing was measured" in done.stderr
    assert said in done.stdout
    assert set(place.failures().values()) == {"crash"}


def test_a_benchmark_that_a_signal_ends_names_it(place: Place):
    done = place.run(*WORDS, STAND_IN_SIGNAL=str(int(signal.SIGKILL)))
    assert done.returncode == 5
    assert "ended by SIGKILL" in done.stdout


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "ended with code 3"),
        (137, "ended by SIGKILL (somebody, or the kernel for want of memory)"),
        (-11, "ended by SIGSEGV (a fault in its own code)"),
        (134, "ended by SIGABRT"),
        (255, "ended with code 255"),
    ],
)
def test_an_exit_status_in_words(code: int, words: str):
    assert subprocesses.ending(code) == words


def test_a_log_is_bounded_and_keeps_its_end(tmp_path: Path):
    body = (
        "import sys, time\n"
        f"for _ in range({process_guard.MAX_LOG_BYTES // 1_000_000 + 20}):\n"
        "    sys.stdout.write('x' * 999_999 + '\\n'); sys.stdout.flush()\n"
        "time.sleep(0.3)\nraise SystemExit('ValueError: the reason')\n"
    )
    with pytest.raises(subprocesses.ToolError, match="ValueError: the reason"):
        subprocesses.run([sys.executable, "-c", body], log=tmp_path / "log", limit_s=60, name="loud")
    assert (tmp_path / "log").stat().st_size < process_guard.MAX_LOG_BYTES
