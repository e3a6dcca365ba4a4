"""The ledger: content decides the key, a half-written file is never done, one run per folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import DataError
from advisor.measure.state import ledger
from advisor.measure.tools import digests

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def step(**inputs: object) -> ledger.Step:
    return ledger.Step(kind="bench", title="any", inputs=inputs)


def entry(key: str = "0" * 16, failure: ledger.Failure | None = None) -> ledger.Entry:
    return ledger.Entry(
        key=key,
        kind="bench",
        title="concurrency 8, repeat 1",
        inputs={"concurrency": 8},
        seconds=2.5,
        date="2026-11-23T10:00:00Z",
        result=None if failure else {"mean_ttft_ms": 12.5},
        failure=failure,
    )


@given(st.dictionaries(st.text(max_size=5), PLAIN, max_size=5))
def test_the_order_of_inputs_does_not_change_the_key(inputs: dict[str, object]):
    backwards = dict(reversed(list(inputs.items())))
    assert step(**inputs).key == step(**backwards).key


@given(PLAIN, PLAIN)
def test_other_inputs_have_another_key(one: object, other: object):
    same = digests.canonical_json(one) == digests.canonical_json(other)
    assert (step(value=one).key == step(value=other).key) == same


def test_the_title_is_for_people_only():
    assert (
        ledger.Step(kind="bench", title="a", inputs={}).key
        == ledger.Step(kind="bench", title="b", inputs={}).key
    )


def test_what_was_added_is_there_for_the_next_run(tmp_path: Path):
    ledger.Ledger(tmp_path).add(entry())
    assert list(ledger.Ledger(tmp_path)) == [entry()]


def test_a_half_written_file_is_not_an_entry(tmp_path: Path):
    ledger.Ledger(tmp_path).add(entry())
    whole = (tmp_path / "ledger" / f"{'0' * 16}.json").read_text()
    (tmp_path / "ledger" / f".{'1' * 16}.json.77.partial").write_text(whole[:40])
    assert [found.key for found in ledger.Ledger(tmp_path)] == ["0" * 16]


def test_a_damaged_entry_is_named_and_not_skipped(tmp_path: Path):
    ledger.Ledger(tmp_path).add(entry())
    path = tmp_path / "ledger" / f"{'0' * 16}.json"
    path.write_text(path.read_text()[:40])
    with pytest.raises(DataError, match=r"0{16}\.json: .*damaged; remove the file"):
        ledger.Ledger(tmp_path)


def test_an_entry_under_another_name_is_refused(tmp_path: Path):
    ledger.Ledger(tmp_path).add(entry())
    path = tmp_path / "ledger" / f"{'0' * 16}.json"
    path.rename(path.with_name("2" * 16 + ".json"))
    with pytest.raises(DataError, match="holds another step, 0000000000000000"):
        ledger.Ledger(tmp_path)


def test_out_of_memory_is_settled_and_a_crash_is_tried_again_three_times(tmp_path: Path):
    book = ledger.Ledger(tmp_path)
    book.add(entry("a" * 16, ledger.Failure(reason="out_of_memory", detail="weights need 140 GB")))
    assert book.settled("a" * 16) is not None
    crash = entry("b" * 16, ledger.Failure(reason="crash", detail="signal 9"))
    seen = []
    for _ in range(3):
        book.add(crash)
        seen.append(book.settled("b" * 16) is not None)
    assert seen == [False, False, True]


def test_the_keys_of_a_ledger_file():
    assert sorted(json.loads(json.dumps(entry().to_json()))) == [
        "attempts",
        "date",
        "extra",
        "failure",
        "inputs",
        "key",
        "kind",
        "ledger",
        "result",
        "seconds",
        "title",
    ]


def test_the_second_run_on_a_folder_is_refused(tmp_path: Path):
    code = (
        "import sys; from pathlib import Path; from advisor.measure.state import ledger\n"
        f"with ledger.locked(Path({str(tmp_path)!r})):\n"
        "    print('mine', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "mine\n"
        with (
            pytest.raises(ledger.BusyError, match=f"process {other.pid} is measuring here"),
            ledger.locked(tmp_path),
        ):
            pass
        other.kill()
    with ledger.locked(tmp_path):  # a killed run leaves no lock behind
        pass
