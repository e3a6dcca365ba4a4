"""A real run's ledger (tiny model, four formats, vLLM 0.32 and lm-eval 0.4.13 on a CPU) becomes records."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from advisor.measure import ledger_to_records as recording
from advisor.measure.ledger_to_records import Records, records
from advisor.measure.state.ledger import Entry, Failure, Ledger
from advisor.record import store

RUN = Path(__file__).parent / "data" / "run_cpu"


def entries() -> list[Entry]:
    return list(Ledger(RUN))


def found(rows: list[Entry] | None = None) -> Records:
    return records(entries() if rows is None else rows, RUN / "raw", "test run")


def test_every_step_of_the_run_is_in_the_ledger():
    kinds = [entry.kind for entry in entries()]
    assert {kind: kinds.count(kind) for kind in sorted(set(kinds))} == {
        "bench": 12,
        "evaluate": 8,
        "quantize": 3,
    }


def test_a_figure_of_one_repeat_is_that_figure():
    row = next(
        row
        for row in found().speed
        if (row.format, row.load, row.metric, row.statistic) == ("bf16", "single", "ttft_ms", "mean")
    )
    bench = next(entry for entry in entries() if entry.title == "bf16 ×1 concurrency 1 #1")
    assert bench.result is not None
    assert row.value == bench.result["figures"]["ttft_ms/mean"]
    assert (row.samples, row.stderr, row.load_value) == (16, None, None)
    assert (row.input_tokens, row.output_tokens, row.lengths) == (64, 16, "constant")
    assert (row.origin, row.engine_version, row.gpu) == ("measured", "0.32.0+cpu", "cpu")


def test_with_everything_queued_at_once_only_throughput_counts():
    metrics = {row.metric for row in found().speed if row.load == "maximum"}
    assert metrics == {"requests_per_s", "output_tokens_per_s", "total_tokens_per_s"}


def test_repeats_are_averaged_with_their_standard_error():
    one = next(entry for entry in entries() if entry.title == "bf16 ×1 concurrency 4 #1")
    assert one.result is not None
    figures = {name: 1.1 * value for name, value in one.result["figures"].items()}
    other = replace(
        one, inputs={**one.inputs, "seed": 1}, result={**one.result, "figures": figures}, key="f" * 16
    )
    row = next(
        row for row in found([one, other]).speed if row.metric == "ttft_ms" and row.statistic == "mean"
    )
    first = one.result["figures"]["ttft_ms/mean"]
    assert row.value == pytest.approx(1.05 * first)
    # two values a and 1.1 a: sample standard deviation 0.1 a / sqrt 2, over sqrt 2
    assert row.stderr == pytest.approx(0.05 * first)
    assert row.samples == 32


def test_a_saturated_rate_is_a_failed_run_and_no_latency():
    one = next(entry for entry in entries() if entry.title == "bf16 ×1 concurrency 4 #1")
    assert one.result is not None
    over = replace(
        one,
        inputs={**one.inputs, "point": {"kind": "rate", "value": 1_000.0}},
        result={**one.result, "ttft_growth": 9.0},
    )
    seen = found([over])
    assert seen.speed == ()
    assert seen.failures[0].reason == "unsteady"
    assert seen.failures[0].detail.startswith("saturated at 1000 requests/s: 33.4 requests/s came back")


def test_int4_is_worse_than_bf16_and_the_record_says_by_how_much():
    row = next(row for row in found().quality if (row.format, row.metric) == ("int4", "word_perplexity"))
    assert row.baseline is not None
    assert row.value > row.baseline
    assert row.conditions == (
        "paired difference to 16 bits +0.002297 nats per unit ± 0.00037 (90 %) on the same 40 items"
    )
    assert row.suspect  # a perplexity over another is no recovery


def test_bf16_is_its_own_baseline():
    row = next(row for row in found().quality if (row.format, row.metric) == ("bf16", "acc"))
    assert (row.value, row.baseline, row.algorithm) == (pytest.approx(50 / 120), row.value, "none")


def test_a_failure_is_a_failed_run():
    one = next(entry for entry in entries() if entry.title == "fp8 ×1 concurrency 4 #1")
    broken = replace(one, result=None, failure=Failure(reason="out_of_memory", detail="no room\nfor KV"))
    row = found([broken]).failures[0]
    assert (row.stage, row.reason, row.detail) == (
        "bench",
        "out_of_memory",
        "fp8 ×1 concurrency 4 #1: no room for KV",
    )


def test_records_survive_the_store(tmp_path: Path):
    seen = found()
    store.write_speed(tmp_path / "speed.csv", seen.speed)
    store.write_quality(tmp_path / "quality.csv", seen.quality)
    assert tuple(store.read_speed(tmp_path)) == seen.speed
    assert tuple(store.read_quality(tmp_path)) == seen.quality


def test_the_order_of_steps_does_not_change_the_records():
    assert found(list(reversed(entries()))) == found()


def test_a_ledger_entry_is_what_was_written(tmp_path: Path):
    shutil.copytree(RUN / "ledger", tmp_path / "ledger")
    book = Ledger(tmp_path)
    for entry in list(book):
        before = json.loads((RUN / "ledger" / f"{entry.key}.json").read_text())
        book.add(entry)
        assert json.loads((tmp_path / "ledger" / f"{entry.key}.json").read_text()) == before


def test_load_one_in_flight_is_single():
    assert recording.load_of(recording.Point(kind="concurrency", value=1.0)) == ("single", None)
