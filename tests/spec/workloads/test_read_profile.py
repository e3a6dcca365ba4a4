"""Profiles: the shipped ones say what their sources say, and a wrong one is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.errors import InputError, QuantAdviseError, UnknownNameError
from advisor.shipped_files import shipped
from advisor.spec.workloads.read_profile import (
    known_workloads,
    load_workload,
    parse_workload,
    to_yaml,
)
from advisor.spec.workloads.workload import Arrival, Goodput, LatencyLimit, Lengths, Quality, Workload
from tests.spec.build_workloads import workloads

# Kurtic et al., arXiv:2411.02355v4, the prompt and generated tokens above each column of Tables 5 and 6.
PAPER_USE_CASES = {
    "code-completion": (256, 1024),
    "docstring": (768, 128),
    "code-fixing": (1024, 1024),
    "rag": (1024, 128),
    "instruction-following": (256, 128),
    "chat": (512, 256),
    "summarization": (4096, 512),
}
SMALLEST = "input_tokens: 512\noutput_tokens: 256\nload: single\n"


def limits(workload: Workload) -> dict[str, float]:
    return {limit.key: limit.max_ms for limit in workload.limits}


def error(text: str) -> str:
    with pytest.raises(InputError) as caught:
        parse_workload(text, where="p.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- the shipped profiles


@pytest.mark.parametrize(("name", "tokens"), PAPER_USE_CASES.items())
def test_the_papers_use_cases_have_its_lengths(name: str, tokens: tuple[int, int]) -> None:
    load = load_workload(name).load
    assert (load.input_tokens.mean, load.output_tokens.mean) == tokens


@pytest.mark.parametrize(("name", "tokens"), PAPER_USE_CASES.items())
def test_synchronous_is_table_5s_convention(name: str, tokens: tuple[int, int]) -> None:
    workload = load_workload(name, scenario="synchronous")
    assert workload.load.input_tokens == Lengths.constant(tokens[0])
    assert workload.load.output_tokens == Lengths.constant(tokens[1])
    assert workload.load.arrival == Arrival(kind="single")
    assert workload.load.prefix_hit_rate == 0
    assert (workload.gpu_count, workload.price_list, workload.objective) == (
        "smallest",
        "paper-2024-10",
        "cost",
    )
    assert (workload.limits, workload.goodput, workload.quality) == ((), None, Quality())
    assert workload.name == f"{name} (paper-synchronous)"


@pytest.mark.parametrize("name", PAPER_USE_CASES)
def test_asynchronous_is_table_6s_convention(name: str) -> None:
    workload = load_workload(name, scenario="asynchronous")
    assert workload.load.arrival == Arrival(kind="maximum")
    assert (workload.gpu_count, workload.price_list, workload.objective) == (
        "same",
        "paper-2024-10",
        "throughput",
    )
    assert workload.limits == ()


def test_large_rag_has_the_model_cards_lengths() -> None:
    load = load_workload("large-rag").load
    assert (load.input_tokens.mean, load.output_tokens.mean) == (10240, 1536)


def test_chat_strict_rag_and_agents_keep_the_limits_of_guidellms_guide() -> None:
    # docs/guides/service_level_objectives.md: limits "for 99% of requests"; its inter-token latency is
    # (E2E - TTFT) / (n - 1) per request, which is TPOT here.
    assert limits(load_workload("chat-strict")) == {"ttft_p99_ms": 200, "tpot_p99_ms": 50}
    assert limits(load_workload("rag")) == {"ttft_p99_ms": 300, "tpot_p99_ms": 100, "e2e_p99_ms": 3000}
    assert limits(load_workload("agents")) == {"e2e_p99_ms": 5000}


def test_agents_have_the_shape_of_mooncakes_tool_trace() -> None:
    # Mooncake, FAST '25, Table 2: average input 8596, average output 182, cache ratio 59 %.
    load = load_workload("agents").load
    assert (load.input_tokens.mean, load.output_tokens.mean, load.prefix_hit_rate) == (8596, 182, 0.59)


def test_inferencex_draws_from_80_to_100_percent() -> None:
    # utils/bench_serving/benchmark_serving.py: integers from int(0.8 x length) to length.
    load = load_workload("inferencex-8k-1k").load
    assert load.input_tokens == Lengths.uniform(int(0.8 * 8192), 8192)
    assert load.output_tokens == Lengths.uniform(int(0.8 * 1024), 1024)
    assert load.arrival == Arrival(kind="concurrency", value=64)


@pytest.mark.parametrize("name", known_workloads())
def test_every_shipped_profile_says_what_it_stands_for_and_from_where(name: str) -> None:
    workload = load_workload(name)
    assert workload.name == name
    assert len(workload.about) > 10
    assert workload.source


@pytest.mark.parametrize("typed", ["Code_Completion", "code completion", "CODE-COMPLETION"])
def test_case_and_dashes_do_not_count_in_a_name(typed: str) -> None:
    assert load_workload(typed).name == "code-completion"


@pytest.mark.parametrize("typed", ["synchronous", "sync", "paper-synchronous", "Paper_Synchronous"])
def test_a_scenario_answers_to_its_short_names(typed: str) -> None:
    assert load_workload("rag", scenario=typed) == load_workload("rag", scenario="paper-synchronous")


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(
        UnknownNameError, match=r"^unknown workload 'sumarization'; did you mean summarization"
    ):
        load_workload("sumarization")
    with pytest.raises(UnknownNameError, match=r"^unknown scenario 'snychronous'; did you mean synchronous"):
        load_workload("rag", scenario="snychronous")


def test_a_scenario_alone_is_no_workload() -> None:
    with pytest.raises(
        InputError, match=r"'synchronous' is a scenario.*--workload rag --scenario synchronous"
    ):
        load_workload("synchronous")


# --- what a profile can say


def test_the_readmes_example_is_read_as_its_remarks_say() -> None:
    readme = (shipped("profiles") / "README.md").read_text(encoding="utf-8")
    workload = parse_workload(readme.split("```yaml\n")[1].split("```")[0], where="support.yaml")
    assert workload.name == "support"
    assert workload.load.input_tokens == Lengths.lognormal(900, 600, low=50, high=8000)
    assert workload.load.output_tokens == Lengths.empirical([80, 120, 150, 210, 640])
    assert workload.load.arrival == Arrival(kind="rate", value=4, burstiness=0.7)
    assert limits(workload) == {"ttft_p95_ms": 300, "tpot_p99_ms": 50}
    assert workload.goodput == Goodput(ttft_ms=500, tpot_ms=60, e2e_ms=20000, min_share=0.95)
    assert workload.quality == Quality(min_recovery=0.99, tasks=("chat", "instruction-following"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(workloads)
def test_what_is_written_reads_back_the_same(workload: Workload) -> None:
    assert parse_workload(to_yaml(workload)) == workload


def test_a_profile_needs_only_lengths_and_load(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SMALLEST)
    workload = load_workload(str(path))
    assert (workload.name, workload.objective, workload.gpu_count) == ("mine", "cost", "free")


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("512", Lengths.constant(512)),
        ("512.5", Lengths.constant(512.5)),
        ("{kind: constant, value: 512}", Lengths.constant(512)),
        ("{min: 100, max: 300}", Lengths.uniform(100, 300)),
        ("{kind: lognormal, mean: 512, std: 128}", Lengths.lognormal(512, 128)),
        ("{mean: 512, cv: 0.25, max: 1024}", Lengths.lognormal(512, 128, high=1024)),
        ("{p50: 300, p99: 4000}", Lengths.lognormal_of_percentiles(p50=300, p99=4000)),
        ("{values: [3, 4, 5]}", Lengths.empirical([3, 4, 5])),
    ],
)
def test_lengths_are_a_number_or_a_distribution(text: str, lengths: Lengths) -> None:
    read = parse_workload(f"input_tokens: {text}\noutput_tokens: 1\nload: single")
    assert read.load.input_tokens == lengths


@pytest.mark.parametrize(
    ("text", "arrival"),
    [
        ("single", Arrival(kind="single")),
        ("maximum", Arrival(kind="maximum")),
        ("{concurrency: 32}", Arrival(kind="concurrency", value=32)),
        ("{requests_per_s: 4}", Arrival(kind="rate", value=4)),
        ("{requests_per_s: 300/min}", Arrival(kind="rate", value=5)),
        ("{requests_per_s: 0.5, burstiness: 0.3}", Arrival(kind="rate", value=0.5, burstiness=0.3)),
    ],
)
def test_a_load_is_said_in_four_ways(text: str, arrival: Arrival) -> None:
    read = parse_workload(f"input_tokens: 1\noutput_tokens: 1\nload: {text}")
    assert read.load.arrival == arrival


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("ttft_p95_ms: 300", ("ttft", "p95", 300)),
        ("p99_ttft_ms: '<=500'", ("ttft", "p99", 500)),  # vLLM
        ('p99_e2el_ms: "< 500"', ("e2e", "p99", 500)),
        ("median_itl_ms: 20", ("itl", "p50", 20)),
        ("tpot_p99.90_ms: 50", ("tpot", "p99.9", 50)),
        ("e2e_mean_ms: 3s", ("e2e", "mean", 3000)),
        ("target_ttft_milliseconds: 300", ("ttft", "p50", 300)),  # GKE Inference Quickstart
    ],
)
def test_limits_are_read_in_every_dialect(text: str, limit: tuple[str, str, float]) -> None:
    (read,) = parse_workload(f"{SMALLEST}slo:\n  {text}").limits
    assert read == LatencyLimit(metric=limit[0], statistic=limit[1], max_ms=limit[2])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "'ttft:500 tpot:50 e2el:5000'",  # vLLM
        "{ttft: 500, tpot: 50, e2el: 5000}",
        "{ttft_ms: 500, tpot_ms: 50, e2e_ms: 5000}",
        "'time_to_first_token:500 inter_token_latency:50.0 request_latency:5000'",  # AIPerf
    ],
)
def test_goodput_is_read_in_every_dialect(text: str) -> None:
    read = parse_workload(f"{SMALLEST}goodput: {text}").goodput
    assert read == Goodput(ttft_ms=500, tpot_ms=50, e2e_ms=5000)


def test_a_profile_extends_another_and_a_scenario(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(SMALLEST + "slo: {ttft_p95_ms: 300}\nobjective: latency\n")
    (tmp_path / "mine.yaml").write_text("extends: [base.yaml, synchronous]\noutput_tokens: 99\n")
    workload = load_workload(str(tmp_path / "mine.yaml"))
    assert workload.name == "mine"
    assert workload.load.output_tokens == Lengths.constant(99)
    assert workload.load.input_tokens == Lengths.constant(512)
    assert workload.limits == ()
    assert workload.objective == "cost"


def test_ones_own_scenario_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "busy.yaml").write_text("load: {concurrency: 256}\n")
    workload = load_workload("chat", scenario=str(tmp_path / "busy.yaml"))
    assert workload.load.arrival == Arrival(kind="concurrency", value=256)
    assert workload.name == "chat (busy)"
    assert workload.limits == load_workload("chat").limits


# --- what it cannot say


def test_an_unknown_key_names_the_nearest_and_the_place(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(SMALLEST + "slo:\n  # in ms\n  ttft_p95: 300\n")
    with pytest.raises(InputError) as caught:
        load_workload(str(path))
    assert str(caught.value) == f"{path}:6: slo: unknown key 'ttft_p95'; did you mean 'ttft_p95_ms'?"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("outptu_tokens: 3", "p.yaml:4: unknown key 'outptu_tokens'; did you mean 'output_tokens'?"),
        ("load: single", "p.yaml:4: load: appears twice, first on line 3; keep one"),
        ("objective: costs", "p.yaml:4: objective: unknown value 'costs'; did you mean 'cost'?"),
        ("objective: [cost]", "p.yaml:4: objective: unknown value a list; did you mean 'cost'?"),
        ("name: ''", "p.yaml:4: name: expected a text, found ''"),
        ("name: 7", "p.yaml:4: name: expected a text, found '7'"),
        ("about: |\n  a\n  b", "p.yaml:4: about: expected one line, found several"),
        ("slo: 300", "p.yaml:4: slo: expected 'key: value' lines, found '300'"),
        ("slo: {ttft_p95_ms: fast}", "'fast' is not an upper limit in ms; write 300 or \"<=300\""),
        ("slo: {ttft_p95_ms: '>=300'}", "'>=300' is not an upper limit in ms"),
        ("slo: {ttft_p95_ms: 0}", "p.yaml:4: slo.ttft_p95_ms: expected a number above 0 ms, found 0"),
        ("slo: {ttft_p0_ms: 9}", "unknown key 'ttft_p0_ms'"),
        ("slo: {ttft_p95_ms: 1, p95_ttft_ms: 2}", "p95 of ttft is limited twice; keep one"),
        ("goodput: {ttft: 500, ttft_ms: 400}", "goodput.ttft_ms: ttft_ms appears twice; keep one"),
        ("goodput: 'ttft 500'", "'ttft' is not KEY:VALUE in ms; write ttft:500 tpot:50 e2el:5000"),
        ("goodput: {itl: 5}", "goodput: unknown key 'itl'"),
        ("goodput: {min_share: 0.9}", "goodput needs at least one of ttft_ms, tpot_ms, e2e_ms"),
        (
            "goodput: {ttft: 500, min_share: 101}",
            "goodput.min_share: expected a share above 0 and up to 1, such as 0.97 or 97%, found 101",
        ),
        (
            "quality: {min_recovery: 1.5}",
            "quality.min_recovery: expected a share above 0 and up to 1, such as 0.97 or 97%, found 1.5",
        ),
        ("quality: {tasks: code}", "quality.tasks: expected a list, found 'code'"),
        ("quality: {tasks: [code, code]}", "quality: a task is named twice"),
        ("prefix_hit_rate: 1", "prefix_hit_rate: 1 is impossible"),
        ("extends: nothing-like-it", "p.yaml:4: extends: unknown profile 'nothing-like-it'; known: agents"),
        ("extends: [a, b, c, d, e]", "extends: 5 profiles at once; name at most 4"),
        ("  load: single", "p.yaml:4: not readable as YAML"),
        ("\tname: x", "p.yaml:4: a tab indents the line; YAML wants spaces"),
        ("? [a, b]\n: 1", "p.yaml:4: a key must be a word"),
        ("source: &a [*a]", "p.yaml:4: nested too deeply; write the values out"),
        ("source: !!python/object:os.system x", "not readable as YAML"),
    ],
)
def test_a_wrong_line_is_answered_with_where_what_and_remedy(line: str, message: str) -> None:
    assert message in error(SMALLEST + line + "\n")


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("0", "expected a number of at least 1 token, found 0"),
        ("-5", "found -5"),
        (".nan", "expected a finite number of at least 1 token, found nan"),
        (".inf", "found inf"),
        ("true", "expected a number, found true"),
        ("'512'", "expected a number, found '512'"),
        ("", "expected a number, found empty"),
        ("[1]", "expected a number, found a list"),
        ("1.0e+300", "expected a number of at most 100,000,000 tokens, found 1e+300"),
        ("9" * 400, "found a number of 400 digits"),
        ("-" + "9" * 400, "found a number of 401 digits"),
        ("9" * 5000, "p.yaml"),
    ],
)
def test_a_number_that_is_none_is_refused(number: str, found: str) -> None:
    message = error(f"input_tokens: {number}\noutput_tokens: 1\nload: single")
    assert found in message
    assert len(message) < 200


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        (
            "{kind: lognormal, mean: 512}",
            "lognormal lengths need mean with std, mean with cv, or p50 with p99",
        ),
        ("{kind: lognormal, mean: 512, std: 1, cv: 1}", "lognormal lengths need mean with std"),
        ("{kind: lognormal, mean: 512, std: 100, max: 400}", "mean 512.0 is above high 400"),
        ("{kind: lognormal, mean: 400, std: 4000, max: 402}", "too near an end"),
        ("{p50: 500, p99: 400}", "p99: expected a number above 500 tokens, found 400"),
        ("{kind: uniform, min: 5}", "uniform lengths need 'max'"),
        ("{kind: uniform, min: 5, max: 4}", "max: expected a number of at least 5 tokens, found 4"),
        ("{kind: uniform, min: 5, max: 9, mean: 7}", "mean: does not belong to uniform lengths"),
        ("{kind: normal, mean: 5, std: 2}", "kind: unknown value 'normal'; did you mean 'lognormal'?"),
        ("{values: []}", "empirical lengths need values"),
        ("{values: [1, 2.5]}", "values.1: expected a whole number, found 2.5"),
        ("{median: 5}", "unknown key 'median'"),
    ],
)
def test_lengths_that_cannot_be_are_refused(lengths: str, message: str) -> None:
    assert message in error(f"input_tokens: {lengths}\noutput_tokens: 1\nload: single")


@pytest.mark.parametrize(
    ("load", "message"),
    [
        ("{concurrency: 4, requests_per_s: 2}", "concurrency and requests_per_s contradict each other"),
        ("{concurrency: 4, burstiness: 2}", "load.burstiness: belongs to requests_per_s, not to concurrency"),
        ("{concurrency: 2.5}", "load.concurrency: expected a whole number, found 2.5"),
        ("{burstiness: 1}", "needs concurrency or requests_per_s"),
        ("{rate: 4}", "unknown key 'rate'"),
        ("concurrency", "needs a number; write {concurrency: 4}"),
        ("max", "unknown value 'max'; did you mean 'maximum'?"),
        ("4", "unknown value '4'"),
        ("{requests_per_s: 0}", "expected a number above 0 requests/s, found 0"),
    ],
)
def test_a_load_that_cannot_be_is_refused(load: str, message: str) -> None:
    assert message in error(f"input_tokens: 1\noutput_tokens: 1\nload: {load}")


def test_limits_and_maximum_load_contradict_each_other() -> None:
    text = "input_tokens: 1\noutput_tokens: 1\nload: maximum\nslo: {ttft_p95_ms: 300}"
    assert "drop the limits (slo: none)" in error(text)


def test_a_profile_without_lengths_says_what_is_missing() -> None:
    assert error("output_tokens: 5") == (
        "p.yaml: has no input_tokens and no load; state them, or extend a profile that does"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; write 'key: value' lines"),
        (b"# only a remark\n", "is empty"),
        (b"- chat\n- rag\n", "expected 'key: value' lines, found a list"),
        (b"chat", "expected 'key: value' lines, found a single value"),
        (b"\x89PNG\r\n\x1a\n\x00", "not a text file"),
        (b"name: a\x00b", "not readable as YAML"),
        (b"name: [a", "not readable as YAML"),
        (b"a: 1\n---\nb: 2\n", "not readable as YAML"),
        (b"x" * 4_000_001, "larger than 4 MB"),
    ],
)
def test_a_file_that_is_no_profile_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"p\.yaml") as caught:
        load_workload(str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml: no such file; check the path"):
        load_workload(str(tmp_path / "none.yaml"))
    with pytest.raises(InputError, match=r"is a folder; name a YAML file in it"):
        load_workload(f"{tmp_path}/")
    with pytest.raises(InputError, match="cannot be a path"):
        load_workload("a\x00b.yaml")


def test_profiles_that_extend_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    with pytest.raises(InputError, match=r"b\.yaml:1: extends: 'a\.yaml' extends this profile in turn"):
        load_workload(str(tmp_path / "a.yaml"))


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALLEST.replace("\n", "\r\n").encode())
    assert load_workload(str(path)).load.input_tokens == Lengths.constant(512)


@pytest.mark.parametrize("before", ["", SMALLEST])
@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=60) | st.text(alphabet="slot: {}[]&*!|>-'\"\n\t#<=0.e1_", max_size=60))
def test_whatever_the_text_the_answer_is_a_workload_or_one_line(before: str, text: str) -> None:
    try:
        parse_workload(before + text, where="p.yaml")
    except QuantAdviseError as caught:
        assert len(str(caught).splitlines()) == 1  # noqa: PT017 - either way is right
