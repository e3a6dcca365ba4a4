"""Runs that say nothing true about their deployment are refused, with the reason."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.errors import DataError, InputError, QuantAdviseError
from advisor.record.importers import refuse_untrue_runs
from advisor.record.importers.read_result_file import import_file
from advisor.record.importers.stated_facts import DeploymentFacts
from tests.record.importing import DATA, GUIDELLM, VLLM, changed, known, refused

PLAIN = VLLM / "concurrency.json"
AIPERF = DATA / "aiperf" / "profile_export_aiperf.json"


def test_a_really_overloaded_server_is_seen_by_its_growing_ttft() -> None:
    """Recorded: 400 requests/s offered, 89 came back."""
    imported = import_file(VLLM / "overload.json", known())
    assert imported.speed == ()
    assert "saturated: TTFT grew 3.5 times over the run at 400 requests/s" in imported.refused[0]


def test_without_details_saturation_shows_in_what_came_back(tmp_path: Path) -> None:
    def plain(document: dict[str, Any]) -> None:
        for key in ("ttfts", "itls", "start_times", "input_lens", "output_lens"):
            del document[key]

    assert "saturated: 89.4 of 400 requests/s came back" in refused(VLLM / "overload.json", tmp_path, plain)


def test_nothing_completed(tmp_path: Path) -> None:
    """vLLM writes 0.0 ms where every request failed."""

    def dead(document: dict[str, Any]) -> None:
        document.update(completed=0, failed=24)
        document.update({key: 0.0 for key in document if key.endswith("_ms")})

    assert "no request completed" in refused(PLAIN, tmp_path, dead)


def test_too_many_failed(tmp_path: Path) -> None:
    assert "5 of 24 requests failed" in refused(
        PLAIN, tmp_path, lambda d: d.update(completed=19, failed=5, total_output_tokens=304)
    )


def test_older_files_count_no_failures_but_lack_requests(tmp_path: Path) -> None:
    def old(document: dict[str, Any]) -> None:
        del document["failed"]
        document.update(completed=19)

    assert "5 of 24 requests failed" in refused(PLAIN, tmp_path, old)


@pytest.mark.parametrize("value", [0.0, -3.0, math.nan, math.inf])
def test_impossible_latencies(tmp_path: Path, value: float) -> None:
    assert "ttft_ms mean is" in refused(PLAIN, tmp_path, lambda d: d.update(mean_ttft_ms=value))


def test_an_answer_that_ends_before_it_begins(tmp_path: Path) -> None:
    assert "is below TTFT" in refused(PLAIN, tmp_path, lambda d: d.update(mean_e2el_ms=12.0))


def test_percentiles_out_of_order(tmp_path: Path) -> None:
    assert "tpot_ms p99 of 3 is below p90" in refused(PLAIN, tmp_path, lambda d: d.update(p99_tpot_ms=3.0))


def test_a_rate_under_a_cap_is_neither_load(tmp_path: Path) -> None:
    assert "drop one" in refused(PLAIN, tmp_path, lambda d: d.update(request_rate=5.0))


def test_one_batch_is_no_steady_state(tmp_path: Path) -> None:
    assert "are one batch" in refused(PLAIN, tmp_path, lambda d: d.update(max_concurrency=64))


def test_a_cold_start_in_the_mean(tmp_path: Path) -> None:
    def cold(document: dict[str, Any]) -> None:
        document["ttfts"][0] = 4.0
        document.update(mean_ttft_ms=160.0, p99_ttft_ms=2400.0, mean_e2el_ms=230.0, p99_e2el_ms=2600.0)

    assert "a cold start counts in" in refused(VLLM / "rate.json", tmp_path, cold)


def test_a_pace_that_changes(tmp_path: Path) -> None:
    def slower(document: dict[str, Any]) -> None:
        late = sorted(document["start_times"])[len(document["start_times"]) // 2]
        for at, start in enumerate(document["start_times"]):
            if start > late:
                document["itls"][at] = [4 * gap + 0.02 for gap in document["itls"][at]]

    assert "not steady: TPOT changed" in refused(VLLM / "rate.json", tmp_path, slower)


def test_faster_than_the_gpu_can_multiply_is_a_cached_prompt(tmp_path: Path) -> None:
    """vLLM #54227: a fixed seed and the prefix cache made TTFT 49 times too short."""

    def long_prompts(document: dict[str, Any]) -> None:
        document.update(total_input_tokens=24 * 30_000)

    reason = refused(PLAIN, tmp_path, long_prompts, model="Llama-3.1-8B-Instruct", gpu="L40S")
    assert "prompts came from the prefix cache, or a fact is wrong" in reason


def test_faster_than_memory_can_be_read_is_another_deployment() -> None:
    imported = import_file(
        PLAIN, known(model="Llama-3.1-70B-Instruct", format="bf16", gpu="H100", num_gpus=2)
    )
    assert imported.speed == ()
    assert "reading the weights takes" in imported.refused[0]


def test_more_requests_than_the_roofline_allows(tmp_path: Path) -> None:
    def fast(document: dict[str, Any]) -> None:
        document.update(request_throughput=1e8, output_throughput=1e10, duration=24 / 1e8)

    assert "requests/s, the roofline of 1x A100-SXM-80GB allows 251.4" in refused(PLAIN, tmp_path, fast)


def test_a_date_that_is_yet_to_come(tmp_path: Path) -> None:
    assert "its date, 9999-12-31, is yet to come" in refused(
        PLAIN, tmp_path, lambda d: d.update(date="99991231-000000")
    )


def test_a_cancelled_run(tmp_path: Path) -> None:
    facts = DeploymentFacts(format="bf16", num_gpus=1, engine_version="0.11.2")
    path = changed(AIPERF, tmp_path, lambda d: d.update(was_cancelled=True))
    assert "the run was cancelled" in import_file(path, facts).refused[0]
    path = changed(AIPERF, tmp_path, lambda d: d.update(runtime_submission_invalid_reasons=["overflow"]))
    assert "overflow" in import_file(path, facts).refused[0]


def test_the_servers_own_word_on_its_cache(tmp_path: Path) -> None:
    def cached(document: dict[str, Any]) -> None:
        for request in document["benchmarks"][1]["requests"]["successful"]:
            request["input_metrics"]["cached_tokens"] = 64

    imported = import_file(changed(GUIDELLM / "v2_concurrent.json", tmp_path, cached), known())
    rows = [row for row in imported.speed if row.load == "concurrency"]
    assert {row.suspect for row in rows} == {"prefix cache in use: 1024 prompt tokens were cached"}
    assert all(row.suspect == "" for row in imported.speed if row.load == "single")


def test_one_bad_benchmark_leaves_the_others(tmp_path: Path) -> None:
    def broken(document: dict[str, Any]) -> None:
        document["benchmarks"][0]["metrics"]["request_totals"].update(errored=9)

    imported = import_file(changed(GUIDELLM / "v2_concurrent.json", tmp_path, broken), known())
    assert {row.load for row in imported.speed} == {"concurrency"}
    assert imported.refused[0].endswith(
        "benchmark 1: 9 of 25 requests failed: the others are a choice of the easy ones"
    )


def test_mlperf_that_loadgen_calls_invalid(tmp_path: Path) -> None:
    text = (DATA / "mlperf" / "server_summary.txt").read_text(encoding="utf-8")
    path = tmp_path / "summary.txt"
    path.write_text(text.replace("Result is : VALID", "Result is : INVALID"), encoding="utf-8")
    assert "INVALID, not VALID" in import_file(path, known(input_tokens=290.0)).refused[0]


def test_inferencex_that_cannot_be_one_replica(tmp_path: Path) -> None:
    path = DATA / "inferencex" / "agg_gptoss_tp2_conc16.json"
    apart = changed(path, tmp_path, lambda d: d.update(disagg=True))
    assert "separate GPUs" in import_file(apart, DeploymentFacts(format="mxfp4")).refused[0]
    spec = changed(path, tmp_path, lambda d: d.update(spec_decoding="mtp", precision="mxfp4"))
    assert {row.suspect for row in import_file(spec, DeploymentFacts()).speed} == {
        "speculative decoding (mtp)"
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"{", "damaged JSON"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"{}", "an object with no keys"),
        (b"[]", "a list of 0 values"),
        (b"just words", "text that begins with 'just words'"),
        (b"a: [b", "neither JSON, CSV nor YAML"),
        (b"{" * 100_000, "damaged JSON"),
        (b"[" * 100_000, "damaged JSON"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(content)
    with pytest.raises((InputError, DataError)) as caught:
        import_file(path, known())
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_benchmark_of_another_shape_gives_no_row(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.json"
    path.write_text('{"benchmarks": [{"metrics": {"request_latency": 3}, "args": 4}]}', encoding="utf-8")
    imported = import_file(path, known())
    assert imported.speed == ()
    assert "strategy None is not a known load" in imported.refused[0]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="check the path"):
        import_file(tmp_path / "none.json", known())
    with pytest.raises(InputError, match="is a folder"):
        import_file(tmp_path, known())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(InputError, match="is not a regular file"):
        import_file(tmp_path / "pipe.json", known())


@given(content=st.binary(max_size=400) | st.text(alphabet='{}[],:"1e\\n-.', max_size=80).map(str.encode))
def test_any_bytes_are_one_line(content: bytes, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("bytes") / "result.json"
    path.write_bytes(content)
    with pytest.raises((InputError, DataError)) as caught:
        import_file(path, known())
    assert len(str(caught.value).splitlines()) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data())
def test_damage_anywhere_is_a_refusal_or_one_line(data: st.DataObject, tmp_path_factory: Any) -> None:
    """Any value of a vLLM result replaced by any other: no traceback, no impossible row."""

    def damage(document: dict[str, Any]) -> None:
        for key in data.draw(st.lists(st.sampled_from(sorted(document)), min_size=1, max_size=3)):
            document[key] = data.draw(JSON)

    path = changed(VLLM / "rate.json", tmp_path_factory.mktemp("damage"), damage)
    said = ""
    try:
        imported = import_file(path, known())
    except QuantAdviseError as error:
        said = str(error)
    else:
        assert all(0 < row.value < math.inf for row in imported.speed)
    assert len(said.splitlines()) <= 1


@given(
    values=st.lists(st.floats(0.01, 10), min_size=refuse_untrue_runs.LEAST_REQUESTS, max_size=60),
    factor=st.floats(0.1, 100),
)
def test_growth_does_not_depend_on_the_unit(values: list[float], factor: float) -> None:
    starts = list(range(len(values)))
    first, second = (
        refuse_untrue_runs.growth(starts, values),
        refuse_untrue_runs.growth(starts, [factor * v for v in values]),
    )
    assert first is not None
    assert second == pytest.approx(first)


def test_few_requests_show_no_trend() -> None:
    assert refuse_untrue_runs.growth(range(29), [1.0] * 29) is None
