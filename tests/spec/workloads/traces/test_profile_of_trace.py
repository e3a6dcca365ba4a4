"""A request log becomes a profile: its lengths, its arrivals, what its prompts share."""

from __future__ import annotations

import json
import random
import statistics
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from advisor.cli.commands.profile_from_trace import from_trace
from advisor.errors import DataError, InputError, QuantAdviseError
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload, parse_workload, to_yaml
from advisor.spec.workloads.traces.profile_of_trace import burstiness, lengths_of, profile_from_trace
from advisor.spec.workloads.traces.read_trace import read_trace
from advisor.spec.workloads.workload import Arrival, Lengths

TRACES = Path(__file__).resolve().parents[3] / "data" / "traces"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_azure_trace() -> None:
    found = profile_from_trace(TRACES / "azure.csv")
    load = found.workload.load
    assert found.requests == 60
    assert set(load.input_tokens.values) == {374, 396, 879, 91, 1313}
    assert load.arrival.kind == "rate"
    # Written with exponential gaps at 2 requests/s.
    assert load.arrival.value == pytest.approx(2.0, rel=0.3)
    assert load.arrival.burstiness == pytest.approx(1.0, abs=0.5)
    assert load.prefix_hit_rate == 0
    assert any("does not say what prompts share" in note for note in found.notes)


def test_mooncake_blocks_are_shared_prefix() -> None:
    """Of 2048 + 2048 + 1024 + 1000 tokens, two blocks of the second and the third (but its last token)."""
    found = profile_from_trace(TRACES / "mooncake.jsonl")
    load = found.workload.load
    assert load.prefix_hit_rate == pytest.approx((1024 + 1023) / 6120, abs=1e-4)
    # Timestamps are milliseconds: three gaps in 5 s.
    assert load.arrival.value == 0.6
    assert any("3 gaps show no burstiness" in note for note in found.notes)


def test_openai_style_usage() -> None:
    trace = read_trace(TRACES / "openai.jsonl")
    assert [one.input_tokens for one in trace.requests] == [100, 300, 200]
    assert [one.output_tokens for one in trace.requests] == [20, 40, 30]
    assert trace.skipped == 1  # the one that failed
    load = profile_from_trace(TRACES / "openai.jsonl").workload.load
    assert load.prefix_hit_rate == pytest.approx((64 + 128) / 600, abs=1e-4)
    assert load.arrival.value == 0.5


def test_text_alone_is_not_counted_without_being_asked() -> None:
    with pytest.raises(InputError, match=r"only the model's tokenizer gives.*--chars-per-token"):
        profile_from_trace(TRACES / "sharegpt.json")


def test_sharegpt_prompts_are_the_conversation_so_far() -> None:
    one_at_a_time = Arrival(kind="concurrency", value=4)
    found = profile_from_trace(TRACES / "sharegpt.json", chars_per_token=4, arrival=one_at_a_time)
    load = found.workload.load
    # 120 of the second prompt's 600 characters are new: 400 were asked and 80 answered before.
    assert load.input_tokens.values == (30, 100)
    assert load.output_tokens.values == (20, 50)
    assert load.conversation.turns.values == (2,)
    assert load.longest_context == 2 * (100 + 50)
    assert any("approximate: 4 characters taken for a token" in note for note in found.notes)


def test_a_log_without_times_needs_a_load() -> None:
    with pytest.raises(InputError, match="add --rate or --concurrency"):
        profile_from_trace(TRACES / "sharegpt.json", chars_per_token=4)


def test_vllm_log_lines() -> None:
    trace = read_trace(TRACES / "vllm.log")
    assert [one.input_tokens for one in trace.requests] == [6, 3]
    # ignore_eos makes the answer as long as was asked.
    assert [one.output_tokens for one in trace.requests] == [7, 9]
    assert trace.skipped == 0
    assert profile_from_trace(TRACES / "vllm.log").workload.load.arrival.value == 0.1


def test_a_recorded_vllm_log_has_prompts_at_debug_and_answers_of_chats() -> None:
    """Eight chats were sent; one came back without text, of which vLLM logs no answer."""
    trace = read_trace(TRACES / "vllm_0.32.log")
    # What the API's `usage` said when it was recorded.
    assert [(one.input_tokens, one.output_tokens) for one in trace.requests] == [
        (41, 11), (51, 6), (11, 12), (51, 5), (82, 2), (46, 3), (45, 10),
    ]  # fmt: skip
    assert trace.skipped == 1


def test_a_vllm_log_without_its_debug_lines_says_how_to_get_them(tmp_path: Path) -> None:
    text = (TRACES / "vllm_0.32.log").read_text(encoding="utf-8")
    info = "\n".join(line for line in text.splitlines() if " DEBUG " not in line)
    with pytest.raises(InputError, match="VLLM_LOGGING_LEVEL=DEBUG with --enable-log-requests"):
        profile_from_trace(written(tmp_path, "vllm.log", info))


def test_vllm_log_of_free_answers_says_no_lengths(tmp_path: Path) -> None:
    text = (TRACES / "vllm.log").read_text(encoding="utf-8").replace("ignore_eos=True", "ignore_eos=False")
    path = written(tmp_path, "vllm.log", text)
    with pytest.raises(InputError, match="does not state answer lengths; add --output-tokens N"):
        profile_from_trace(path)
    found = profile_from_trace(path, output_tokens=Lengths.constant(64))
    assert found.workload.load.output_tokens == Lengths.constant(64)


def test_many_lengths_keep_their_mean_and_their_quantiles() -> None:
    rng = random.Random(0)
    counts = [round(rng.lognormvariate(6, 1)) for _ in range(20_000)]
    lengths = lengths_of(counts)
    assert len(lengths.values) == 100
    assert lengths.mean == pytest.approx(statistics.fmean(counts), rel=0.001)
    assert statistics.quantiles(counts, n=100)[98] < lengths.longest <= max(counts)
    middle = sorted(lengths.values)[50]
    assert middle == pytest.approx(statistics.median(counts), rel=0.05)


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=400))
def test_lengths_stay_within_what_was_seen(counts: list[int]) -> None:
    lengths = lengths_of(counts)
    assert min(counts) <= lengths.mean <= max(counts)
    assert lengths.longest <= max(counts)


@pytest.mark.parametrize("shape", [0.25, 1.0, 4.0])
def test_burstiness_of_gamma_gaps_is_their_shape(shape: float) -> None:
    rng = random.Random(7)
    gaps = [rng.gammavariate(shape, 1 / shape) for _ in range(20_000)]
    assert burstiness(gaps) == pytest.approx(shape, rel=0.08)


def test_equal_gaps_are_as_regular_as_can_be_said() -> None:
    assert burstiness([0.5] * 30) == 1000


def test_a_busy_minute_is_told(tmp_path: Path) -> None:
    rows = [{"timestamp": 1000 * at, "input_length": 10, "output_length": 5} for at in range(0, 600, 10)]
    rows += [{"timestamp": 300_000 + 100 * at, "input_length": 10, "output_length": 5} for at in range(300)]
    path = written(tmp_path, "busy.jsonl", "\n".join(map(json.dumps, rows)))
    assert any("the busiest minute has 5.1" in note for note in profile_from_trace(path).notes)


@pytest.mark.parametrize("name", ["azure.csv", "mooncake.jsonl", "openai.jsonl", "vllm.log"])
def test_the_profile_reads_back_as_itself(name: str) -> None:
    workload = profile_from_trace(TRACES / name).workload
    assert parse_workload(to_yaml(workload)) == workload


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.csv",
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,many,4\n",
            "a.csv:2: Context",
        ),
        ("a.csv", "TIMESTAMP,ContextTokens,GeneratedTokens\nnoon,3,4\n", "a.csv:2: time 'noon'"),
        ("a.csv", "ContextTokens,GeneratedTokens\n3,4\n", "add --rate or --concurrency"),
        ("a.jsonl", '{"input_length": 3, "output_length": 4}\n{"input', "a.jsonl:2: damaged JSON"),
        ("a.jsonl", '{"input_length": -3, "output_length": 4}\n', "input_length is -3"),
        ("a.jsonl", '{"input_length": 3, "output_length": 4, "timestamp": "x"}\n', "no number of ms"),
        ("a.jsonl", '{"usage": {"prompt_tokens": 3}}\n', "completion_tokens is None"),
        ("a.jsonl", '{"hello": 1}\n', "its entries have hello, and neither `usage`"),
        ("a.json", "[1, 2]", "entry 1: not a JSON object"),
        ("a.json", "[", "damaged JSON"),
        ("a.log", "nothing of use\n", "not a known form of request log"),
        ("a.log", " \n", "is empty"),
    ],
)
def test_damaged_logs(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises((InputError, DataError)) as caught:
        profile_from_trace(written(tmp_path, name, text))
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


SPAN = {"span_id": "1", "name": "chat", "start_time": "2026-01-01T00:00:00+00:00"}
USAGE = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20}


@pytest.mark.parametrize(
    "document",
    [
        [{"ts": 3.0, "prompt_tokens": 100, "completion_tokens": 20, "output": None}],
        {"id": "x", "requests": [{"t": 3.0, "in": 100, "out": 20}, {"t": 4.0, "type": "subagent"}]},
        {"data": [{"startTime": 3.0, "prompt_tokens": 100, "completion_tokens": 20}]},
        {"trace_id": "t", "spans": [{**SPAN, "attributes": USAGE}, {**SPAN, "attributes": {"agent": 1}}]},
        {
            "resourceSpans": [
                {
                    "scopeSpans": [
                        {
                            "spans": [
                                {
                                    "spanId": "1",
                                    "startTimeUnixNano": "1700000000000000000",
                                    "attributes": [
                                        {"key": key, "value": {"intValue": str(value)}}
                                        for key, value in USAGE.items()
                                    ],
                                }
                            ]
                        }
                    ]
                }
            ]
        },
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_rows_inside_one_json_document(tmp_path: Path, document: Any, indent: int | None) -> None:
    """An array of a gateway's rows, the rows under a key, the spans of OpenTelemetry and of OTLP."""
    trace = read_trace(written(tmp_path, "a.json", json.dumps(document, indent=indent)))
    assert [(one.input_tokens, one.output_tokens) for one in trace.requests] == [(100, 20)]
    assert trace.requests[0].at_s is not None


def test_a_dataset_of_prompts_has_lengths_and_no_arrivals(tmp_path: Path) -> None:
    path = written(tmp_path, "prompts.jsonl", '{"prompt": "12345678"}\n{"prompt": "1234"}\n')
    answers = Lengths.constant(300)
    found = profile_from_trace(path, chars_per_token=4, output_tokens=answers).workload.load
    assert (found.input_tokens.values, found.output_tokens) == ((1, 2), answers)
    assert found.arrival.kind == "maximum"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "0,0.09,1.36,Gamma,0.54,19.2\n600,0.1,2.1,Gamma,0.1,3.2\n",
            "has rates and distributions of ServeGen",
        ),
        (
            '{"0": {"input_tokens": "{120: 0.5}", "output_tokens": "{3: 1}"}}',
            "of ServeGen's clients by window",
        ),
        (json.dumps({"spans": [{**SPAN, "attributes": {}}]}), "spans state no gen_ai.usage.input_tokens"),
        ('{"request_throughput": 4, "mean_ttft_ms": 3}', "a benchmark's result: quantadvise import a.json"),
        ('{\n "request_throughput": 4,\n "mean_ttft_ms": 3\n}', "a benchmark's result: quantadvise import"),
    ],
)
def test_what_is_no_log_of_requests_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_trace(written(tmp_path, "a.json", text))


@given(text=st.text(max_size=200), start=st.sampled_from(["", "[", "{", "TIMESTAMP,ContextTokens,"]))
def test_no_text_ends_in_a_traceback(text: str, start: str, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("log") / "any.log"
    path.write_bytes((start + text).encode("utf-8", errors="replace"))
    with pytest.raises(QuantAdviseError):
        profile_from_trace(path)


def run(*arguments: object) -> Result:
    app = typer.Typer()
    app.command("from-trace")(from_trace)
    app.command("other")(lambda: None)
    return CliRunner().invoke(app, ["from-trace", *map(str, arguments)])


def test_the_command_writes_a_profile_that_loads(tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    result = run(TRACES / "azure.csv", "--out", out, "--name", "our-chat")
    assert result.exit_code == 0, result.output
    assert load_workload(str(out)).name == "our-chat"
    assert isinstance(run(TRACES / "azure.csv", "--out", out).exception, InputError)


def test_the_command_counts_tokens_without_an_exponent(tmp_path: Path) -> None:
    """A mean of 15,412 tokens read 1.541e+04."""
    log = tmp_path / "log.csv"
    rows = (f"{second},{prompt},100" for second, prompt in enumerate((15_400, 15_424)))
    log.write_text("\n".join(("arrived_at,num_prefill_tokens,num_decode_tokens", *rows)) + "\n")
    result = run(log, "--out", tmp_path / "mine.yaml")
    assert "2 requests; 15,412 prompt and 100 answer tokens on average" in result.stdout


def test_the_command_prints_the_profile_and_nothing_else(tmp_path: Path) -> None:
    result = run(TRACES / "vllm.log", "--output-tokens", "100-200", "--rate", "3")
    assert result.exit_code == 0, result.output
    workload = parse_workload(result.stdout)
    assert workload.load.output_tokens == Lengths.uniform(100, 200)
    assert workload.load.arrival == Arrival(kind="rate", value=3)


@pytest.mark.parametrize(
    "flags", [("--rate", "3", "--concurrency", "2"), ("--rate", "-1"), ("--chars-per-token", "0")]
)
def test_wrong_flags(flags: tuple[str, ...]) -> None:
    assert isinstance(run(TRACES / "sharegpt.json", *flags).exception, InputError)


def spend_row(at: int, **own: Any) -> dict[str, Any]:
    """A row of LiteLLM's spend logs (litellm/proxy/schema.prisma, LiteLLM_SpendLogs; GET /spend/logs)."""
    return {
        "request_id": f"r{at}",
        "call_type": "acompletion",
        "startTime": f"2026-05-04T09:{at:02d}:00.000000Z",
        "endTime": f"2026-05-04T09:{at:02d}:05.000000Z",
        "model": "openai/llama",
        "model_group": "llama",
        "prompt_tokens": 400,
        "completion_tokens": 100,
        "cache_hit": "False",
        "metadata": {"usage_object": {"prompt_tokens_details": {"cached_tokens": 100}}},
        **own,
    }


@pytest.mark.parametrize("wrapped", [False, True])
def test_litellms_spend_logs_tell_the_proxys_answers_from_the_engines(tmp_path: Path, wrapped: bool) -> None:
    rows = [spend_row(at) for at in range(24)]
    rows += [spend_row(30, cache_hit="True"), spend_row(31, prompt_tokens=0, completion_tokens=0)]
    path = tmp_path / "spend.json"
    path.write_text(json.dumps({"data": rows} if wrapped else rows), encoding="utf-8")
    found = profile_from_trace(path)
    assert found.requests == 24
    assert found.workload.load.prefix_hit_rate == pytest.approx(0.25)
    assert any("1 requests were answered from the proxy's own cache" in note for note in found.notes)
    assert any("1 lines or requests without prompt and answer" in note for note in found.notes)


def test_a_log_of_several_models_says_so(tmp_path: Path) -> None:
    path = tmp_path / "spend.json"
    rows = [spend_row(at, model_group="large" if at % 3 == 0 else "small") for at in range(24)]
    path.write_text(json.dumps(rows), encoding="utf-8")
    (note,) = (note for note in profile_from_trace(path).notes if "models" in note)
    assert "2 models (small 16, large 8)" in note


@pytest.mark.parametrize("tall", [(6000, 120), (90, 5000)])
def test_a_profile_keeps_the_longest_request_of_its_log(tmp_path: Path, tall: tuple[int, int]) -> None:
    path = tmp_path / "log.csv"
    rows = [f"2026-05-04 09:{at // 60:02d}:{at % 60:02d},{300 + at},{100 + at % 7}" for at in range(600)]
    rows[300] = f"2026-05-04 09:05:00,{tall[0]},{tall[1]}"
    path.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "\n".join(rows) + "\n", encoding="utf-8")
    load = profile_from_trace(path).workload.load
    assert load.input_tokens.longest + load.output_tokens.longest < sum(tall) == load.longest_context


def test_other_lengths_have_another_longest_request() -> None:
    known = parse_workload(
        "{name: log, input_tokens: 100, output_tokens: 10, load: single, longest_request_tokens: 4000}"
    )
    assert known.load.longest_context == 4000
    assert parse_workload(to_yaml(known)) == known
    assert override(known, rate=3).load.longest_context == 4000
    assert override(known, input_tokens=200).load.longest_context == 210
