"""Every form that vLLM's tools and their forks write, made from the recorded results of vLLM 0.32.0.

The forms were read in vllm/benchmarks of vLLM 0.33.0 (serve.py, sweep/serve.py, throughput.py, latency.py)
and in python/sglang/bench_serving.py of sgl-project/sglang.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from advisor.errors import DataError, InputError
from advisor.record.importers.read_result_file import import_file
from advisor.record.importers.stated_facts import DeploymentFacts, known_model
from tests.record.importing import DATA, VLLM, changed, figures, known, only, refused


def recorded(name: str, **changes: Any) -> dict[str, Any]:
    return json.loads((VLLM / f"{name}.json").read_text(encoding="utf-8")) | changes


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_append_result_writes_one_object_after_the_other(tmp_path: Path) -> None:
    """serve.py opens the file with "a+", writes a line break and then the object."""
    runs = [recorded("concurrency"), recorded("concurrency", max_concurrency=4, mean_ttft_ms=50.0)]
    path = written(tmp_path / "all.json", "\n".join(json.dumps(run) for run in runs))
    imported = import_file(path, known())
    assert imported.refused == ()
    assert {row.load_value for row in imported.speed} == {2.0, 4.0}
    ttft = {row.load_value: row.value for row in imported.speed if (row.metric, row.statistic) == TTFT}
    assert ttft == {2.0: recorded("concurrency")["mean_ttft_ms"], 4.0: 50.0}


TTFT = ("ttft_ms", "mean")


def test_an_appended_file_that_was_cut_off_names_what_is_whole(tmp_path: Path) -> None:
    text = json.dumps(recorded("concurrency"))
    with pytest.raises(DataError, match="1 whole results stand before it"):
        import_file(written(tmp_path / "all.json", f"{text}\n{text[:200]}"), known())


def test_a_sweeps_summary_holds_a_run_per_repeat(tmp_path: Path) -> None:
    """sweep/serve.py adds `run_number` and what it varied, and writes the list as summary.json."""
    varied = {"max_num_seqs": 64, "kv_cache_dtype": "fp8"}
    runs = [recorded("concurrency", run_number=at, **varied) for at in range(2)]
    imported = import_file(written(tmp_path / "summary.json", json.dumps(runs)), known())
    assert {row.conditions.partition(";")[0] for row in imported.speed} == {
        "result 1 run 0",
        "result 2 run 1",
    }
    assert {row.kv_format for row in imported.speed} == {"fp8"}
    assert all("max_num_seqs=64" in row.conditions for row in imported.speed)


def test_a_sweeps_table_is_the_same_as_its_json(tmp_path: Path) -> None:
    """`summary.csv` is pandas' DataFrame.to_csv of the same records: an unnamed index first."""
    runs = [recorded("concurrency", run_number=at) for at in range(2)]
    for run in runs:
        run["latencies"], run["queue_times"] = "[0.1, 0.2]", "[0.0]"
    path = tmp_path / "summary.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, ["", *runs[0]])
        table.writeheader()
        table.writerows({"": at, **run} for at, run in enumerate(runs))
    from_table = import_file(path, known())
    from_json = import_file(written(tmp_path / "summary.json", json.dumps(runs)), known())
    assert [(row.metric, row.statistic, row.value) for row in from_table.speed] == [
        (row.metric, row.statistic, row.value) for row in from_json.speed
    ]


def test_a_fork_without_suffixes_writes_seconds(tmp_path: Path) -> None:
    """Forks take `_ms` off and divide by 1000, as InferenceX does."""
    raw = recorded("concurrency")

    def seconds(document: dict[str, Any]) -> None:
        for key in [key for key in document if key.endswith("_ms")]:
            document[key.removesuffix("_ms")] = document.pop(key) / 1000
        document.update(good_completed=None, input_throughput=959.7)

    imported = import_file(changed(VLLM / "concurrency.json", tmp_path, seconds), known())
    found = figures(imported)
    for ours, theirs in (("ttft_ms/p50", "median_ttft_ms"), ("tpot_ms/p99", "p99_tpot_ms"), E2E):
        assert found[ours] == pytest.approx(raw[theirs])
    (note,) = [note for note in imported.notes if "input_throughput" in note]
    assert "no quantity of a record" in note


E2E = ("e2e_ms/p99", "p99_e2el_ms")


def test_figures_without_a_unit_that_cannot_be_seconds_are_named(tmp_path: Path) -> None:
    def bare(document: dict[str, Any]) -> None:
        for key in [key for key in document if key.endswith("_ms")]:
            document[key.removesuffix("_ms")] = document.pop(key)

    imported = import_file(changed(VLLM / "concurrency.json", tmp_path, bare), known())
    assert {row.metric for row in imported.speed} == {
        "requests_per_s",
        "output_tokens_per_s",
        "total_tokens_per_s",
    }
    assert any("median_ttft" in note and "longer than the run" in note for note in imported.notes)


def test_statistics_that_no_limit_is_set_on_are_named_once() -> None:
    notes = import_file(VLLM / "concurrency.json", known()).notes
    assert len([note for note in notes if "std_ttft_ms" in note]) == 1


def test_ten_prompts_at_once_are_a_batch_and_no_maximum(tmp_path: Path) -> None:
    """24 requests never queue where a batch holds 256: the run fills once and drains."""
    imported = import_file(VLLM / "burst.json", known())
    assert {(row.load, row.load_value) for row in imported.speed} == {("batch", 24.0)}
    assert {row.metric for row in imported.speed} == {"requests_per_s", "output_tokens_per_s"} | {
        "total_tokens_per_s"
    }
    assert "one batch that fills and drains" in imported.notes[0]

    def one(document: dict[str, Any]) -> None:
        document.update(num_prompts=1, completed=1, request_throughput=1 / document["duration"])

    alone = changed(VLLM / "burst.json", tmp_path, one)
    assert {row.load for row in import_file(alone, known()).speed} == {"single"}


def test_more_prompts_than_one_batch_holds_are_a_maximum(tmp_path: Path) -> None:
    """The recorded server ran with --max-num-seqs 16, which `--metadata` can state."""
    path = changed(VLLM / "burst.json", tmp_path, lambda d: d.update(max_num_seqs="16"))
    rows = import_file(path, known()).speed
    assert {(row.load, row.load_value) for row in rows} == {("maximum", None)}
    assert all("24 prompts at once" in row.conditions and "max_num_seqs=16" in row.conditions for row in rows)


def test_a_concurrency_flag_makes_a_burst_no_batch() -> None:
    rows = import_file(VLLM / "burst.json", known(load="concurrency", load_value=18.0)).speed
    assert {(row.load, row.load_value) for row in rows} == {("concurrency", 18.0)}
    assert "tpot_ms" in {row.metric for row in rows}


def test_a_concurrency_that_the_figures_contradict_is_refused() -> None:
    imported = import_file(VLLM / "burst.json", known(load="concurrency", load_value=8.0))
    assert imported.speed == ()
    assert "mean 17.6 requests in flight, the load was 8" in imported.refused[0]


def test_empty_answers_are_no_answers(tmp_path: Path) -> None:
    """vLLM counts them as completed, with a TTFT of 0.0 (three of ten in a public result of 2024)."""

    def empty(document: dict[str, Any]) -> None:
        for at in range(3):
            document["output_lens"][at], document["ttfts"][at] = 0, 0.0

    assert "3 of 40 answers are empty" in refused(VLLM / "rate.json", tmp_path, empty)


@pytest.mark.parametrize(
    ("backend", "engine"),
    [
        ("sglang", "SGLang"),
        ("tgi", "TGI"),
        ("tensorrt-llm", "TensorRT-LLM"),
        ("lmdeploy", "LMDeploy"),
        ("llama.cpp", "llama.cpp"),
    ],
)
def test_another_engine_is_refused_by_name(tmp_path: Path, backend: str, engine: str) -> None:
    """Backends of benchmark_serving.py before `vllm bench serve` dropped all but OpenAI's."""
    assert refused(VLLM / "rate.json", tmp_path, lambda d: d.update(backend=backend)).endswith(
        f"{engine} served it; records and predictions are of vLLM"
    )


def test_an_engine_flag_is_refused_alike(tmp_path: Path) -> None:
    path = changed(VLLM / "rate.json", tmp_path, lambda d: d.update(backend="openai", endpoint_type="openai"))
    assert "sglang served it" in import_file(path, known(engine="sglang")).refused[0]
    assert import_file(path, known(engine="vllm")).speed


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"data_parallel_size": 4}, "4 replicas shared the load"),
        ({"replicas": "2"}, "2 replicas shared the load"),
        ({"pipeline_parallel_size": 2}, "2 pipeline stages"),
        (
            {"ramp_up_strategy": "linear", "ramp_up_start_rps": 1, "ramp_up_end_rps": 20},
            "raised from 1 to 20 requests/s",
        ),
        ({"input_sequence_throughput": 3.0}, "embedding or ranking model"),
    ],
)
def test_runs_that_no_record_holds(tmp_path: Path, change: Mapping[str, Any], reason: str) -> None:
    assert reason in refused(VLLM / "rate.json", tmp_path, lambda d: d.update(change))


def test_speculative_decoding_stays_out_of_the_fit(tmp_path: Path) -> None:
    """serve.py adds `spec_decode_*` where the server's counters moved."""
    path = changed(VLLM / "concurrency.json", tmp_path, lambda d: d.update(spec_decode_num_drafts=900))
    assert {row.suspect for row in import_file(path, known()).speed} == {"speculative decoding"}


THROUGHPUT = {
    "elapsed_time": 40.0,
    "num_requests": 1000,
    "total_num_tokens": 1_152_000,
    "requests_per_second": 25.0,
    "tokens_per_second": 28_800.0,
}
LATENCIES = {
    "avg_latency": 1.3,
    "std_latency": 0.01,
    "latencies": [1.29, 1.3, 1.31],
    "percentiles": {"10": 1.29, "50": 1.3, "90": 1.31, "99": 1.31},
}
"""Keys of throughput.py and latency.py; figures made up."""


def test_bench_throughput_states_the_sum_of_lengths(tmp_path: Path) -> None:
    path = written(tmp_path / "throughput.json", json.dumps(THROUGHPUT))
    imported = import_file(path, known(input_tokens=1024.0))
    assert figures(imported) == {"requests_per_s/mean": 25.0, "total_tokens_per_s/mean": 28_800.0}
    row = imported.speed[0]
    assert (row.load, row.output_tokens, row.samples) == ("maximum", 128.0, 1000)
    assert "1000 prompts at once" in row.conditions
    with pytest.raises(InputError, match=r"a request has 1152 tokens, .* make 1536"):
        import_file(path, known(input_tokens=1024.0, output_tokens=512.0))


def test_bench_latency_is_a_static_batch_in_seconds(tmp_path: Path) -> None:
    path = written(tmp_path / "latency.json", json.dumps(LATENCIES))
    lengths = {"input_tokens": 32.0, "output_tokens": 128.0}
    with pytest.raises(
        InputError, match="does not state load; add --concurrency, --rate, --batch or --maximum"
    ):
        import_file(path, known(**lengths))
    imported = import_file(path, known(load="batch", load_value=8.0, **lengths))
    row = only(imported, "e2e_ms/mean")
    assert (row.value, row.load, row.load_value, row.lengths) == (1300.0, "batch", 8.0, "constant")
    assert any("percentiles.10" in note for note in imported.notes)


def test_sglangs_client_measures_vllm_too() -> None:
    imported = import_file(
        DATA / "sglang_bench" / "vllm.jsonl", known(model="Llama-3.1-8B-Instruct", gpu="H100")
    )
    assert imported.refused == ()
    assert {row.load_value for row in imported.speed} == {8.0, 16.0}
    assert {row.engine for row in imported.speed} == {"vllm"}
    assert "e2e_ms/p99" in figures(imported)


def test_an_sglang_server_is_refused_by_name() -> None:
    imported = import_file(DATA / "sglang_bench" / "sglang.jsonl", known(model="Llama-3.1-8B-Instruct"))
    assert imported.speed == ()
    assert "SGLang served it" in imported.refused[0]


@pytest.mark.parametrize(
    ("content", "looks_like"),
    [
        ({"architectures": ["LlamaForCausalLM"], "hidden_size": 4096}, "a model's config.json"),
        ({"custom_id": "r0", "method": "POST", "body": {}}, "a log of requests"),
        ([{"benchmark": {}, "model": {}, "metric": {}}], "PyTorch's benchmark database"),
        ({"run_number": 0, "error_type": "RuntimeError", "serve_overrides": {}}, "a benchmark that failed"),
        ([1, 2, 3], "a list of 3 values"),
        (
            {"Hardware Key": "h200_vllm", "Framework": "vllm", "Precision": "fp4"},
            r"import the run's agg_\*\.json",
        ),
    ],
)
def test_an_unknown_file_is_described(tmp_path: Path, content: Any, looks_like: str) -> None:
    with pytest.raises(InputError, match=looks_like) as caught:
        import_file(written(tmp_path / "x.json", json.dumps(content)), known())
    assert "vllm bench serve" in str(caught.value)


def test_remarks_may_stand_above_a_table(tmp_path: Path) -> None:
    head = "Model,ISL,Hardware Key,Framework,Precision"
    text = f"# Licence\n# Source\n{head}\ngpt-oss-120b,1024,h200_vllm,vllm,fp4\n"
    words = "an export of InferenceX's page, which has seconds under names in ms"
    with pytest.raises(InputError, match=words):
        import_file(written(tmp_path / "x.csv", text), known())


HUB = "/root/.cache/huggingface/hub/models--meta-llama--Llama-3.1-8B-Instruct/snapshots/0e9e39f249a1"


@pytest.mark.parametrize(
    ("model_id", "model"),
    [
        ("/models/Qwen3-8B/", "Qwen3-8B"),
        ("~/models/Qwen3-8B-FP8", "Qwen3-8B-FP8"),
        ("/models/openai--gpt-oss-120b", "gpt-oss-120b"),
        (HUB, "Llama-3.1-8B-Instruct"),
        ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
        ("/models/default", None),
        ("/", None),
        ("..", None),
        ("a--b", None),
    ],
)
def test_a_folder_names_the_model_that_it_holds(model_id: str, model: str | None) -> None:
    assert known_model(model_id) == model


def test_results_of_two_tools_in_one_file_are_named(tmp_path: Path) -> None:
    text = f"{json.dumps(recorded('concurrency'))}\n{json.dumps({'a': 1})}"
    with pytest.raises(InputError, match="result 2 of 2 is not vllm bench serve's but"):
        import_file(written(tmp_path / "x.json", text), DeploymentFacts())


TABLE = """\
INFO 05-01 16:48:21 importing
Namespace(backend='openai-chat', model='meta-llama/Llama-3.1-8B-Instruct', max_concurrency=None)
Traffic request rate: {rate}
Burstiness factor: 1.0 (Poisson process)
Maximum request concurrency: {cap}
100%|██████████| 200/200 [01:30<00:00]
============ Serving Benchmark Result ============
Successful requests:                     200
Failed requests:                         0
Benchmark duration (s):                  99.50
Total input tokens:                      102400
Total generated tokens:                  25600
Request throughput (req/s):              2.01
Output token throughput (tok/s):         257.29
Total token throughput (tok/s):          1286.43
---------------Time to First Token----------------
Mean TTFT (ms):                          {ttft}
P99 TTFT (ms):                           95.11
-----Time per Output Token (excl. 1st token)------
Mean TPOT (ms):                          10.72
----------------End-to-end Latency----------------
Mean E2EL (ms):                          1411.2
==================================================
"""


@pytest.mark.parametrize(
    ("rate", "cap", "load"),
    [("2.0", "None", ("rate", 2.0)), ("inf", "8", ("concurrency", 8.0))],
)
def test_the_printed_table_is_the_result(
    tmp_path: Path, rate: str, cap: str, load: tuple[str, float]
) -> None:
    path = written(tmp_path / "bench.log", TABLE.format(rate=rate, cap=cap, ttft="71.22"))
    imported = import_file(
        path, DeploymentFacts(format="bf16", gpu="H100", num_gpus=1, engine_version="0.20.0")
    )
    found = figures(imported)
    row = imported.speed[0]
    assert (row.model, row.load, row.load_value) == ("Llama-3.1-8B-Instruct", *load)
    assert (row.input_tokens, row.output_tokens) == (512, 128)
    assert found["ttft_ms/mean"] == 71.22
    assert found["ttft_ms/p99"] == 95.11
    assert found["e2e_ms/mean"] == 1411.2
    assert found["requests_per_s/mean"] == pytest.approx(200 / 99.5)


def test_a_log_of_several_tables_is_several_runs(tmp_path: Path) -> None:
    text = "".join(TABLE.format(rate="inf", cap=cap, ttft=10 * cap) for cap in (4, 16))
    imported = import_file(written(tmp_path / "bench.log", text), known())
    assert {(row.load_value, row.value) for row in imported.speed if (row.metric, row.statistic) == TTFT} == {
        (4.0, 40.0),
        (16.0, 160.0),
    }


def test_sglangs_printed_table_is_recognised_and_its_engine_refused(tmp_path: Path) -> None:
    table = TABLE.format(rate="inf", cap="None", ttft="71.22").replace("E2EL", "E2E Latency")
    text = table.replace("Successful", "Backend:                                 sglang\nSuccessful")
    imported = import_file(written(tmp_path / "bench.log", text), known())
    assert imported.speed == ()
    assert imported.refused[0].endswith("SGLang served it; records and predictions are of vLLM")


def test_a_result_cut_down_to_latencies_asks_for_the_lengths(tmp_path: Path) -> None:
    """Scripts that feed dashboards keep neither counts nor throughput."""
    gone = (
        "completed",
        "total_input_tokens",
        "total_output_tokens",
        "request_throughput",
        "output_throughput",
    )
    kept = {key: value for key, value in recorded("concurrency").items() if key not in gone}
    path = written(tmp_path / "short.json", json.dumps(kept))
    facts = known()
    with pytest.raises(InputError, match="does not state input tokens, output tokens; add --input-tokens"):
        import_file(path, facts)
    said = dataclasses.replace(facts, input_tokens=32.0, output_tokens=16.0)
    assert figures(import_file(path, said))["ttft_ms/mean"] == kept["mean_ttft_ms"]


def test_gaps_inside_a_chunk_are_no_itl(tmp_path: Path) -> None:
    """A client that reads two tokens at once has a median gap near 0: the weights cannot be read so fast."""
    result = recorded(
        "concurrency", median_itl_ms=0.04, p50_itl_ms=0.04, p99_itl_ms=14.0, mean_itl_ms=7.0, mean_tpot_ms=7.0
    )
    facts = dataclasses.replace(known(), model="Llama-3.1-8B-Instruct", format="bf16", gpu="H100")
    result["model_id"] = "meta-llama/Llama-3.1-8B-Instruct"
    imported = import_file(written(tmp_path / "chunks.json", json.dumps(result)), facts)
    found = figures(imported)
    assert "itl_ms/p50" not in found
    assert (found["itl_ms/mean"], found["itl_ms/p99"]) == (7.0, 14.0)
    assert any("itl_ms p50 (below the" in note for note in imported.notes)


def test_a_figure_that_is_null_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nulls.json"
    path.write_text(
        json.dumps(recorded("concurrency", mean_ttft_ms=None, p99_tpot_ms=None)), encoding="utf-8"
    )
    found = import_file(path, known())
    assert ("ttft_ms", "mean") not in {(row.metric, row.statistic) for row in found.speed}
    assert any("mean_ttft_ms, p99_tpot_ms (no number stands there)" in note for note in found.notes)


TURNS = """Statistics summary:
runtime_sec = 215.810
                   count     mean     std      min      50%      99%      max
ttft_ms            166.0    78.22   67.63    45.91    62.26   353.18   567.54
tpot_ms            166.0    25.37    0.57    24.40    25.31    27.50    28.05
input_num_turns    166.0     7.43    4.57     1.00     7.00    17.00    17.00
output_num_tokens  166.0   100.01   11.80    80.00    99.00   120.00   120.00
"""
"""After what benchmarks/multi_turn/benchmark_serving_multi_turn.py of vLLM prints; made-up figures."""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TURNS, "a table of vLLM's benchmark_serving_multi_turn: a record has no turns"),
        (
            json.dumps({"avg_cold_startup_time": 45.2, "avg_warm_startup_time": 12.1, "percentiles": {}}),
            "start-up times of `vllm bench startup`, of which there are no records",
        ),
    ],
)
def test_what_vllm_measures_beside_serving_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "result.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(words)):
        import_file(path, DeploymentFacts())
