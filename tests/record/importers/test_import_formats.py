"""Every tool's figures arrive in our units and under our definitions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from advisor.errors import DataError, InputError
from advisor.record.importers.read_result_file import import_file
from advisor.record.importers.stated_facts import DeploymentFacts
from tests.record.importing import DATA, GUIDELLM, VLLM, changed, figures, known, only


def test_vllm_bench_at_a_concurrency() -> None:
    imported = import_file(VLLM / "concurrency.json", known())
    raw = json.loads((VLLM / "concurrency.json").read_text(encoding="utf-8"))
    assert imported.refused == ()
    row = only(imported, "tpot_ms/p99")
    assert row.value == raw["p99_tpot_ms"]
    assert (row.load, row.load_value, row.samples, row.date) == ("concurrency", 2, 24, "2026-11-23")
    assert (row.model, row.gpu, row.origin) == ("Llama-3.2-1B-Instruct", "A100-SXM-80GB", "imported")
    assert (row.input_tokens, row.output_tokens, row.lengths) == (64.2, 16.0, "constant")
    found = figures(imported)
    # vLLM calls the median both `median` and `p50`; its E2E is `e2el`.
    assert found["e2e_ms/p50"] == raw["median_e2el_ms"]
    assert found["requests_per_s/mean"] == raw["request_throughput"]
    assert found["total_tokens_per_s/mean"] == raw["total_token_throughput"]


def test_vllm_bench_at_a_rate_with_details() -> None:
    row = only(import_file(VLLM / "rate.json", known()), "ttft_ms/mean")
    assert (row.load, row.load_value) == ("rate", 10)


def test_stated_lengths_that_are_not_those_of_the_file_are_refused() -> None:
    # The file's: 64.2 prompt and 16 answer tokens.
    path = VLLM / "concurrency.json"
    assert import_file(path, replace(known(), input_tokens=64)) == import_file(path, known())
    with pytest.raises(InputError, match=r"64\.17 prompt tokens, --input-tokens says 640; leave it out"):
        import_file(path, replace(known(), input_tokens=640))
    with pytest.raises(InputError, match=r"16 answer tokens, --output-tokens says 17; leave it out"):
        import_file(path, replace(known(), output_tokens=17))


def test_one_in_flight_is_single(tmp_path: Path) -> None:
    path = changed(VLLM / "concurrency.json", tmp_path, lambda d: d.update(max_concurrency=1))
    row = only(import_file(path, known()), "ttft_ms/mean")
    assert (row.load, row.load_value) == ("single", None)


def test_answers_of_one_token_have_no_tpot(tmp_path: Path) -> None:
    def short(document: dict[str, object]) -> None:
        zeros = {key: 0.0 for key in document if key.endswith(("_tpot_ms", "_itl_ms"))}
        document.update(total_output_tokens=24, output_throughput=14.9, **zeros)

    imported = import_file(changed(VLLM / "concurrency.json", tmp_path, short), known())
    assert not {row.metric for row in imported.speed} & {"tpot_ms", "itl_ms"}
    assert imported.speed


def test_metadata_of_vllm_bench_states_the_deployment(tmp_path: Path) -> None:
    """`--metadata` puts its keys beside the figures."""
    said = {"gpu": "NVIDIA L4", "tensor_parallel_size": "1", "quantization": "fp8", "vllm_version": "0.32.0"}
    path = changed(
        VLLM / "concurrency.json",
        tmp_path,
        lambda d: d.update(said, model_id="meta-llama/Llama-3.2-1B-Instruct"),
    )
    row = import_file(path, DeploymentFacts()).speed[0]
    assert (row.model, row.format, row.gpu, row.num_gpus) == ("Llama-3.2-1B-Instruct", "fp8", "L4", 1)


def test_guidellm_two_means_its_inter_token_latency_by_tpot() -> None:
    imported = import_file(GUIDELLM / "v2_concurrent.json", known())
    raw = json.loads((GUIDELLM / "v2_concurrent.json").read_text(encoding="utf-8"))
    assert imported.refused == ()
    metrics = raw["benchmarks"][1]["metrics"]
    rows = [row for row in imported.speed if row.load == "concurrency"]
    found = {f"{row.metric}/{row.statistic}": row.value for row in rows}
    assert {row.load_value for row in rows} == {4}
    assert found["tpot_ms/mean"] == metrics["inter_token_latency_ms"]["successful"]["mean"]
    assert found["tpot_ms/mean"] != metrics["time_per_output_token_ms"]["successful"]["mean"]
    assert found["ttft_ms/p99.9"] == metrics["time_to_first_token_ms"]["successful"]["percentiles"]["p999"]
    # request_latency alone is in seconds.
    assert found["e2e_ms/mean"] == 1000 * metrics["request_latency"]["successful"]["mean"]
    assert found["total_tokens_per_s/mean"] == metrics["tokens_per_second"]["successful"]["mean"]
    assert {row.load for row in imported.speed} == {"single", "concurrency"}
    assert {row.date for row in imported.speed} == {"2026-11-23"}


def test_guidellm_one_has_a_sweep_of_loads() -> None:
    facts = DeploymentFacts(gpu="H100", num_gpus=1, engine_version="0.8.5")
    imported = import_file(GUIDELLM / "v1_sweep.json", facts)
    assert imported.refused == ()
    assert {(row.load, row.load_value) for row in imported.speed} == {
        ("single", None),
        ("rate", 4.0),
        ("maximum", None),
    }
    # The checkpoint's name says model and format.
    assert {(row.model, row.format) for row in imported.speed} == {("Llama-3.1-8B-Instruct", "fp8")}


def test_a_recorded_guidellm_one_sweep() -> None:
    """Lone requests, 40 at once, then two rates of constant spacing."""
    path = GUIDELLM / "v1_recorded_0.3.1.json"
    raw = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
    imported = import_file(path, known())
    assert imported.refused == ()
    rates = [one["args"]["strategy"]["rate"] for one in raw[2:]]
    assert {(row.load, row.load_value) for row in imported.speed} == {
        ("single", None),
        ("batch", 40.0),
        ("rate", rates[0]),
        ("rate", rates[1]),
    }
    alone = {f"{row.metric}/{row.statistic}": row for row in imported.speed if row.load == "single"}
    metrics = raw[0]["metrics"]
    assert alone["e2e_ms/p95"].value == 1000 * metrics["request_latency"]["successful"]["percentiles"]["p95"]
    assert alone["tpot_ms/mean"].value == metrics["inter_token_latency_ms"]["successful"]["mean"]
    # TTFT and fifteen gaps are the request: the definition is ours.
    e2e, ttft = alone["e2e_ms/mean"].value, alone["ttft_ms/mean"].value
    assert (e2e - ttft) / 15 == pytest.approx(alone["tpot_ms/mean"].value, rel=0.2)
    assert (alone["ttft_ms/mean"].samples, alone["ttft_ms/mean"].date) == (40, "2026-11-24")
    assert any("strategy constant" in row.conditions for row in imported.speed if row.load == "rate")


def test_a_flag_against_the_file_is_a_mistake() -> None:
    facts = DeploymentFacts(gpu="H100", num_gpus=1, engine_version="0.8.5", format="int4")
    with pytest.raises(InputError, match="says format fp8, --format says int4"):
        import_file(GUIDELLM / "v1_sweep.json", facts)


def test_aiperf_says_model_and_gpu_itself() -> None:
    facts = DeploymentFacts(format="bf16", num_gpus=1, engine_version="0.11.2")
    imported = import_file(DATA / "aiperf" / "profile_export_aiperf.json", facts)
    row = only(imported, "tpot_ms/mean")
    assert (row.value, row.gpu, row.model) == (8.1, "H100-SXM", "Llama-3.1-8B-Instruct")
    assert (row.load, row.load_value, row.date) == ("concurrency", 8, "2026-10-02")
    assert figures(imported)["itl_ms/p99"] == 14.0


def test_a_recorded_aiperf_result_counts_tokens_as_the_server_does() -> None:
    """Recorded with a model of random weights, whose answers do not tokenize back to what was sent."""
    path = DATA / "aiperf" / "recorded_0.13.0.json"
    raw = json.loads(path.read_text(encoding="utf-8"))
    imported = import_file(path, known())
    assert imported.refused == ()
    row = only(imported, "ttft_ms/p99")
    assert row.value == raw["time_to_first_token"]["p99"]
    assert (row.load, row.load_value, row.samples, row.date) == ("concurrency", 4, 64, "2026-11-24")
    # The chat template's tokens are in the server's count and not in the 64 that AIPerf asked for.
    assert (row.input_tokens, row.output_tokens) == (69.9, 16.0)
    assert (row.lengths, row.suspect) == ("constant", "")
    assert row.conditions == "AIPerf 0.13.0; tokens as the server counts them, without TPOT"
    found = figures(imported)
    assert found["itl_ms/mean"] == raw["inter_chunk_latency"]["avg"]
    assert "tpot_ms/mean" not in found
    assert found["output_tokens_per_s/mean"] == pytest.approx(16 * raw["request_throughput"]["avg"])


def test_aiperf_units_decide(tmp_path: Path) -> None:
    path = DATA / "aiperf" / "profile_export_aiperf.json"

    def in_seconds(document: dict[str, dict[str, object]]) -> None:
        block = document["request_latency"]
        block.update({k: v / 1000 for k, v in block.items() if isinstance(v, float)}, unit="sec")

    facts = DeploymentFacts(format="bf16", num_gpus=1, engine_version="0.11.2")
    changed_file = changed(path, tmp_path, in_seconds)
    assert only(import_file(changed_file, facts), "e2e_ms/mean").value == pytest.approx(1073.7)
    odd = changed(path, tmp_path, lambda d: d["request_latency"].update(unit="fortnights"))
    with pytest.raises(DataError, match="unit 'fortnights' of a latency is unknown"):
        import_file(odd, facts)


def test_inference_perf_is_in_seconds() -> None:
    imported = import_file(
        DATA / "inference_perf" / "stage_1_lifecycle_metrics.json",
        known(model="Llama-3.1-8B-Instruct", format="bf16", gpu="H100"),
    )
    found = figures(imported)
    assert found["ttft_ms/mean"] == 62
    # time_per_output_token, not the normalised one that counts the first token in
    assert found["tpot_ms/mean"] == 11.5
    assert found["e2e_ms/p99"] == 5800
    assert {(row.load, row.load_value) for row in imported.speed} == {("rate", 5.0)}


def test_inference_perf_of_2026_counts_tokens_as_the_server_does(tmp_path: Path) -> None:
    """reportgen/base.py of August 2026: `prompt_tokens`, `output_tokens`, a status per stage."""

    def newer(document: dict[str, Any]) -> None:
        done = document["successes"]
        del done["prompt_len"]
        done["prompt_tokens"] = {"total": 9e5, "cached": 12.0, "mean": 1020.0, "min": 1020.0, "max": 1020.0}
        done["output_tokens"] = {"total": 9e4, "mean": 130.0, "min": 128.0, "max": 200.0}
        document["stage_metadata"] = {"stage_id": 1, "status": "COMPLETED"}

    facts = known(model="Llama-3.1-8B-Instruct", format="bf16", gpu="H100")
    stage = DATA / "inference_perf" / "stage_1_lifecycle_metrics.json"
    row = import_file(changed(stage, tmp_path, newer), facts).speed[0]
    assert (row.input_tokens, row.output_tokens, row.lengths) == (1020.0, 130.0, "distribution")
    assert row.suspect == "prefix cache in use: 12 prompt tokens were cached"
    cut = changed(stage, tmp_path, lambda d: d.update(stage_metadata={"status": "TIMED_OUT"}))
    assert "the stage ended as TIMED_OUT" in import_file(cut, facts).refused[0]


def test_inferencex_refuses_what_is_not_tensor_parallel(tmp_path: Path) -> None:
    """process_result.py of August 2026 states pp, dcp_size and pcp_size."""
    path = DATA / "inferencex" / "agg_gptoss_tp2_conc16.json"
    piped = changed(path, tmp_path, lambda d: d.update(pp=2))
    assert "pipeline parallelism of 2" in import_file(piped, DeploymentFacts()).refused[0]
    other = changed(path, tmp_path, lambda d: d.update(framework="dynamo-trt"))
    assert "TensorRT-LLM served it" in import_file(other, DeploymentFacts()).refused[0]


def test_a_summary_over_all_stages_has_no_load() -> None:
    with pytest.raises(
        InputError, match="does not state load; add --concurrency, --rate, --batch or --maximum"
    ):
        import_file(DATA / "inference_perf" / "summary_lifecycle_metrics.json", known())


def test_inferencex_is_per_gpu_and_in_seconds() -> None:
    imported = import_file(DATA / "inferencex" / "agg_gptoss_tp2_conc16.json", DeploymentFacts())
    found = figures(imported)
    assert found["total_tokens_per_s/mean"] == 2 * 1820.5
    assert found["ttft_ms/p99"] == pytest.approx(190)
    # p99_intvty is the slow tail: 1000 / p99 TPOT in ms.
    assert 1000 / found["tpot_ms/p99"] == pytest.approx(106.4, rel=1e-3)
    row = imported.speed[0]
    assert (row.gpu, row.num_gpus, row.engine_version) == ("H200", 2, "0.11.2")
    # "fp4" names two formats; gpt-oss ships in this one.
    assert row.format == "mxfp4"


def test_inferencex_fp4_of_a_model_that_ships_otherwise_is_asked_for(tmp_path: Path) -> None:
    path = changed(
        DATA / "inferencex" / "agg_gptoss_tp2_conc16.json",
        tmp_path,
        lambda d: d.update(model="meta-llama/Llama-3.1-8B-Instruct"),
    )
    with pytest.raises(InputError, match="does not state format; add --format"):
        import_file(path, DeploymentFacts())


def test_llmd_report_converts_by_its_units() -> None:
    imported = import_file(DATA / "llmd_report" / "report_v0.2.yaml", DeploymentFacts(format="bf16"))
    found = figures(imported)
    assert found["ttft_ms/mean"] == 52
    assert found["tpot_ms/p99"] == 10.1
    assert found["itl_ms/mean"] == 8.6  # this one is in ms/token
    row = imported.speed[0]
    assert (row.gpu, row.num_gpus, row.engine_version) == ("H100-SXM", 1, "0.11.2")
    assert (row.samples, row.lengths, row.load_value) == (400, "constant", 5)


def test_llmd_report_of_separate_prefill_is_refused(tmp_path: Path) -> None:
    text = (DATA / "llmd_report" / "report_v0.2.yaml").read_text(encoding="utf-8")
    path = tmp_path / "report.yaml"
    path.write_text(text.replace("role: replica", "role: prefill"), encoding="utf-8")
    imported = import_file(path, DeploymentFacts(format="bf16"))
    assert imported.speed == ()
    assert "separate engines" in imported.refused[0]


@pytest.mark.parametrize(
    ("was", "now", "reason"),
    [
        ("replicas: 1", "replicas: 3", "3 replicas shared the load"),
        ("dp: 1", "dp: 2", "data parallelism of 2"),
        ("pp: 1", "pp: 2", "pipeline parallelism of 2"),
        ("tool: vllm", "tool: sglang", "SGLang served it"),
    ],
)
def test_llmd_report_of_no_single_replica(tmp_path: Path, was: str, now: str, reason: str) -> None:
    text = (DATA / "llmd_report" / "report_v0.2.yaml").read_text(encoding="utf-8")
    assert was in text
    path = tmp_path / "report.yaml"
    path.write_text(text.replace(was, now), encoding="utf-8")
    assert reason in import_file(path, DeploymentFacts(format="bf16")).refused[0]


def test_llmd_image_has_llmds_version_and_not_vllms(tmp_path: Path) -> None:
    """br_v0_2_example.yaml: tool llm-d, image ghcr.io/llm-d/llm-d-cuda:0.3.1."""
    text = (DATA / "llmd_report" / "report_v0.2.yaml").read_text(encoding="utf-8")
    path = tmp_path / "report.yaml"
    text = text.replace("tool: vllm", "tool: llm-d")
    path.write_text(
        text.replace("vllm/vllm-openai:v0.11.2", "ghcr.io/llm-d/llm-d-cuda:0.3.1"), encoding="utf-8"
    )
    with pytest.raises(InputError, match="does not state engine version"):
        import_file(path, DeploymentFacts(format="bf16"))


def test_llmd_report_of_the_first_version() -> None:
    imported = import_file(DATA / "llmd_report" / "report_v0.1.yaml", DeploymentFacts(format="bf16"))
    found = figures(imported)
    assert (found["ttft_ms/mean"], found["tpot_ms/p99"], found["e2e_ms/p50"]) == (130.0, 12.0, 1510.0)
    assert found["output_tokens_per_s/mean"] == 682.0
    row = imported.speed[0]
    assert (row.model, row.gpu, row.num_gpus) == ("Llama-3.1-8B-Instruct", "H100-SXM", 1)
    assert (row.engine_version, row.load, row.load_value, row.samples) == ("0.9.1", "concurrency", 16, 320)
    assert row.date == "2025-06-10", "of seconds since 1970"


def test_mlperf_latencies_are_nanoseconds() -> None:
    facts = known(model="Llama-2-70b-chat-hf", gpu="H100", format="fp8", num_gpus=2, input_tokens=290.0)
    imported = import_file(DATA / "mlperf" / "server_summary.txt", facts)
    found = figures(imported)
    assert found["ttft_ms/p99"] == pytest.approx(760.966679)
    assert found["tpot_ms/mean"] == pytest.approx(61.269215)
    assert found["e2e_ms/p99.9"] == 44_300
    row = imported.speed[0]
    assert (row.load, row.load_value, row.output_tokens) == ("rate", 8.01, 294.0)


def test_mlperf_offline_keeps_throughput() -> None:
    facts = known(model="Llama-2-70b-chat-hf", gpu="H100", format="fp8", num_gpus=2, input_tokens=290.0)
    found = figures(import_file(DATA / "mlperf" / "offline_summary.txt", facts))
    assert found == {"requests_per_s/mean": 10.5, "output_tokens_per_s/mean": 3087}


def test_lm_eval_shares_become_per_cent() -> None:
    imported = import_file(DATA / "lm_eval" / "results_full.json", known(format="bf16"))
    raw = json.loads((DATA / "lm_eval" / "results_full.json").read_text(encoding="utf-8"))
    acc, norm = imported.quality
    assert acc.value == pytest.approx(100 * raw["results"]["tiny_mc"]["acc,none"])
    assert acc.stderr == pytest.approx(100 * raw["results"]["tiny_mc"]["acc_stderr,none"])
    assert (acc.task, acc.metric, acc.samples, acc.algorithm) == ("tiny_mc", "acc", 120, "none")
    assert acc.suspect == norm.suspect == ""
    assert "0-shot" in acc.protocol
    assert "lm-eval 0.4.13" in acc.protocol


def test_lm_eval_with_a_limit_is_kept_out_of_the_fit() -> None:
    imported = import_file(DATA / "lm_eval" / "results_limited.json", known(format="bf16"))
    rows = {row.metric: row for row in imported.quality}
    assert "only the first 24 items" in rows["acc"].suspect
    # Perplexity: as it is, no error ("N/A"), and no recovery follows from it.
    assert rows["word_perplexity"].value > 8000
    assert rows["word_perplexity"].stderr is None
    assert "lower is better" in rows["word_perplexity"].suspect
    full = import_file(DATA / "lm_eval" / "results_full.json", known(format="bf16")).quality[0]
    assert full.protocol != rows["acc"].protocol


def test_quantized_scores_need_their_algorithm() -> None:
    with pytest.raises(InputError, match="does not state algorithm; add --algorithm"):
        import_file(DATA / "lm_eval" / "results_full.json", known(format="int4"))


def test_what_a_file_leaves_out_is_asked_for_in_one_line() -> None:
    with pytest.raises(InputError) as caught:
        import_file(VLLM / "concurrency.json", DeploymentFacts())
    text = str(caught.value)
    assert text.endswith(
        "does not state model, format, gpu, num gpus, engine version; "
        "add --model, --format, --gpu, --num-gpus, --engine-version"
    )
    assert "\n" not in text


def test_a_run_says_how_many_requests_it_sent_and_how_long_they_were(tmp_path):
    detailed = only(import_file(VLLM / "rate.json", known(lengths="constant")), "ttft_ms/mean")
    assert (detailed.requests, detailed.repeats, detailed.burstiness) == (40, 1, 1.0)
    assert detailed.output_std == 0.0
    assert 0 < (detailed.input_std or 0) < 2
    plain = only(import_file(VLLM / "concurrency.json", known()), "ttft_ms/mean")
    assert (plain.requests, plain.input_std, plain.burstiness) == (24, None, None)


def test_a_cap_that_is_never_reached_sends_all_at_once(tmp_path):
    def throughput(document):
        document["benchmarks"] = document["benchmarks"][1:]
        document["benchmarks"][0]["config"]["strategy"] = {"type_": "throughput", "max_concurrency": 16}

    path = changed(GUIDELLM / "v2_concurrent.json", tmp_path, throughput)
    rows = import_file(path, known()).speed
    # sixteen at once are one batch
    assert {(row.load, row.load_value, row.requests) for row in rows} == {("batch", 16.0, 16)}


def test_a_window_without_the_runs_start_is_steady(tmp_path):
    def warm(document):
        document["benchmarks"] = document["benchmarks"][1:]
        document["benchmarks"][0]["warmup_duration"] = 2.0

    row = import_file(changed(GUIDELLM / "v2_concurrent.json", tmp_path, warm), known()).speed[0]
    assert "steady window" in row.conditions


def test_lm_eval_0_3_has_plain_metrics_and_one_number_of_shots(tmp_path: Path) -> None:
    """As lm_eval 0.3.0's evaluator.simple_evaluate returns it; results alone (no config) are read too."""
    document: dict[str, Any] = {
        "results": {"arc_easy": {"acc": 0.75, "acc_stderr": 0.01, "acc_norm": 0.7, "acc_norm_stderr": 0.01}},
        "versions": {"arc_easy": 0},
        "config": {"model": "hf-causal", "model_args": "pretrained=x", "num_fewshot": 5, "limit": None},
    }
    path = tmp_path / "results.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    rows = import_file(path, known(format="bf16")).quality
    assert {(row.metric, row.value, row.stderr) for row in rows} == {
        ("acc", 75.0, 1.0),
        ("acc_norm", 70.0, 1.0),
    }
    assert rows[0].protocol.startswith("5-shot, task version 0, lm-eval 0.3, ")
    del document["config"]
    path.write_text(json.dumps(document), encoding="utf-8")
    assert "shots not stated" in import_file(path, known(format="bf16")).quality[0].protocol


def test_aiperf_of_2026_names_the_model_by_its_tokenizer(tmp_path: Path) -> None:
    """Since 0.10 `input_config` has models.items and phases, one of them a warm-up; aliases are no models."""

    def change(document: Any) -> None:
        document.pop("run_info", None)
        document["input_config"] = {
            "models": {"items": [{"name": "my-alias"}]},
            "phases": [
                {"name": "warmup", "type": "concurrency", "exclude_from_results": True, "concurrency": 2},
                {"name": "profiling", "type": "concurrency", "concurrency": 16},
            ],
            "tokenizer": {"name": "nvidia/Llama-3.1-8B-Instruct-FP8"},
        }

    path = changed(DATA / "aiperf" / "profile_export_aiperf.json", tmp_path, change)
    facts = DeploymentFacts(num_gpus=1, engine_version="0.32.0")
    row = import_file(path, facts).speed[0]
    assert (row.model, row.format, row.load, row.load_value) == (
        "Llama-3.1-8B-Instruct",
        "fp8",
        "concurrency",
        16,
    )


def test_inference_perfs_prometheus_file_is_named(tmp_path: Path) -> None:
    document = {
        "load_summary": {},
        "successes": {"count": 9, "rate": 1.5, "queue_len": {"mean": 0}, "request_latency": {"mean": 2.8}},
        "failures": {},
    }
    path = tmp_path / "stage_0_prometheus_metrics.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert "the server's own metrics from Prometheus" in import_file(path, known()).refused[0]


def test_scores_of_lm_eval_beyond_their_range_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(
        '{"results": {"a": {"acc": 1.7, "word_perplexity": 9.5}}, "versions": {"a": 0}}', encoding="utf-8"
    )
    imported = import_file(path, known(format="bf16"))
    assert [(row.metric, row.value) for row in imported.quality] == [("word_perplexity", 9.5)]
    assert "a acc: 1.7 is not a share from 0 to 1" in imported.refused[0]
