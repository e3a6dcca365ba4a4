"""Which jobs may start, which never can, and what a rerun leaves alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import UnsupportedError
from advisor.measure.execution.executor import check_room, settled, split
from advisor.measure.execution.jobs import Job, QuantizeJob
from advisor.measure.state.ledger import MAX_ATTEMPTS, Entry, Failure, Ledger, Step


def quantize(fmt: str) -> QuantizeJob:
    return QuantizeJob(
        plan=cast(Any, None),
        model=cast(Any, None),
        format=fmt,
        step=Step(kind="quantize", title=fmt, inputs={"format": fmt}),
        model_name="m",
        gpu="H100-SXM",
        engine_version="0.32.0",
    )


def session(needs: str | None, gpus: int = 1) -> Job:
    return cast(Job, SimpleNamespace(needs=needs, gpus=gpus, title=f"serve over {gpus}"))


def entry(key: str, failure: Failure | None = None, attempts: int = 1) -> Entry:
    return Entry(
        key=key,
        kind="quantize",
        title="int4",
        inputs={},
        seconds=1.0,
        date="2026-11-30",
        result=None if failure else {"path": "x"},
        failure=failure,
        attempts=attempts,
    )


def ledger(*entries: Entry) -> Ledger:
    known = {one.key: one for one in entries}

    class Kept(dict[str, Entry]):
        def __iter__(self) -> Any:
            return iter(known.values())

        def get(self, key: str, default: Any = None) -> Any:
            return known.get(key, default)

    return cast(Ledger, Kept())


def test_a_job_that_needs_nothing_starts_and_one_whose_checkpoint_is_coming_waits() -> None:
    made, alone = quantize("int4"), session(None)
    waits = session(made.step.key)
    assert split([made, alone, waits], [], ledger()) == ([made, alone], [])
    assert split([waits], [made], ledger()) == ([], [])


def test_with_the_checkpoint_made_its_measurements_start() -> None:
    made = quantize("int4")
    waits = session(made.step.key)
    assert split([waits], [], ledger(entry(made.step.key))) == ([waits], [])


def test_without_the_checkpoint_its_measurements_are_lost_with_the_reason() -> None:
    key = quantize("int4").step.key
    waits = session(key)
    failed = entry(key, Failure(reason="out_of_memory", detail="CUDA out of memory"))
    assert split([waits], [], ledger(failed)) == ([], [(waits, "out_of_memory, CUDA out of memory")])
    assert split([waits], [], ledger()) == ([], [(waits, "not made")])


def test_a_failed_checkpoint_that_is_tried_again_is_waited_for() -> None:
    made = quantize("int4")
    waits = session(made.step.key)
    failed = entry(made.step.key, Failure(reason="crash", detail="killed"))
    assert split([waits], [made], ledger(failed)) == ([], [])


@pytest.mark.parametrize(
    ("reason", "attempts", "left_alone"),
    [("out_of_memory", 1, True), ("unsupported", 1, True), ("unsteady", 1, True), ("crash", 1, False),
     ("timeout", 2, False), ("crash", MAX_ATTEMPTS, True)],
)  # fmt: skip
def test_a_rerun_tries_again_what_may_end_otherwise_up_to_three_times(
    reason: str, attempts: int, left_alone: bool
) -> None:
    one = entry("k", Failure(reason=reason, detail=""), attempts)
    assert (settled(ledger(one)) == {"k": one}) is left_alone


def test_a_result_is_never_measured_again() -> None:
    assert list(settled(ledger(entry("k")))) == ["k"]


def test_more_gpus_than_there_are_is_one_line_with_the_remedy() -> None:
    with pytest.raises(
        UnsupportedError, match=r"^serve over 4: needs 4 GPUs, there are 2; take a smaller --tp"
    ):
        check_room([session(None, 1), session(None, 4)], [0, 1])
    check_room([session(None, 2)], [0, 1])
    check_room([session(None, 8)], [])  # a CPU is one slot for all


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_step_is_known_by_what_decides_its_result_and_not_by_its_title(one: str, other: str) -> None:
    step = Step(kind="bench", title=one, inputs={"clients": 8, "seed": one})
    assert step.key == Step(kind="bench", title=other, inputs={"seed": one, "clients": 8}).key
    assert (step.key == Step(kind="bench", title=one, inputs={"clients": 8, "seed": other}).key) == (
        one == other
    )
    assert step.key != Step(kind="search", title=one, inputs=step.inputs).key


@given(st.sampled_from([None, "crash", "unsteady"]), st.integers(1, 5), st.floats(0, 1e5))
def test_an_entry_comes_back_from_its_file(reason: str | None, attempts: int, seconds: float) -> None:
    failure = None if reason is None else Failure(reason=reason, detail="why")
    made = entry("k", failure, attempts)
    again = Entry.from_json(made.to_json())
    assert again == made
    assert again.final == made.final
