"""Questions as people ask them first: they work, or the error names the words that do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command import Command

SMALL = ("--gpu", "L40S", "--top", "1", "-o", "json")
CHAT = ("recommend", "llama3.1-8b", "-w", "chat")


def answer(quantadvise: Command, *words: object) -> Any:
    result = quantadvise(*words)
    assert result.code in (0, 3), result.err
    return json.loads(result.out)


def test_a_model_alone_is_answered_and_what_was_assumed_is_said(quantadvise: Command) -> None:
    result = quantadvise("recommend", "llama3.1-8b", *SMALL)
    assert result.code == 0
    assert "no workload named; assumed is chat (--workload" in result.err
    assert json.loads(result.out)["workload"]["name"] == "chat"


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (("--rps", "5"), "requests_per_s", 5),
        (("--qps", "5"), "requests_per_s", 5),
        (("--users", "50"), "concurrency", 50),
    ],
)
def test_the_words_for_a_load(quantadvise: Command, words: tuple[str, ...], key: str, value: float) -> None:
    assert answer(quantadvise, *CHAT, *words, *SMALL)["workload"]["load"][key] == value


@pytest.mark.parametrize("gpu", ["2xA100", "A100x2", "2 x A100"])
def test_a_gpu_with_a_count(quantadvise: Command, gpu: str) -> None:
    found = answer(quantadvise, *CHAT, "--gpu", gpu, "--top", 3, "-o", "json")
    assert {row["deployment"]["num_gpus"] for row in found["ranked"]} == {2}


def test_a_gpu_by_its_number(quantadvise: Command) -> None:
    found = answer(
        quantadvise,
        *("predict", "llama3.1-8b", "--gpu", "4090", "--format", "int4", "-w", "chat", "-o", "json"),
    )
    assert '"RTX4090"' in json.dumps(found)


def test_lengths_and_budgets_take_units(quantadvise: Command) -> None:
    found = answer(
        quantadvise,
        *("recommend", "llama3.1-8b", "--input-tokens", "32k", "--output-tokens", "1k", "--single"),
        *("--budget", "5000/month", *SMALL),
    )
    assert found["workload"]["input_tokens"] == 32_000
    assert all(row["cost"]["usd_per_hour"] <= 5000 / 730 for row in found["ranked"])


def test_a_quantization_by_its_algorithm(quantadvise: Command) -> None:
    found = answer(quantadvise, *CHAT, "--quantization", "awq", *SMALL)
    assert {row["deployment"]["format"] for row in found["ranked"]} == {"int4"}


@pytest.mark.parametrize("what", ["gpus", "models"])
def test_list_lists(quantadvise: Command, what: str) -> None:
    assert len(quantadvise(what, "list").out.splitlines()) == len(quantadvise(what).out.splitlines()) > 40


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--context", "32k"), "--context: is it the prompt? say --input-tokens 32k"),
        (("--latency", "200ms"), "for example --slo e2e_p95=200ms"),
        (("--vram", "24"), "--vram: memory comes with the GPU: name it, --gpu RTX4090"),
        (("--gpu-memory=24GB",), "--gpu-memory: memory comes with the GPU"),
        (("--gpu", ""), "--gpu: is empty; state a value"),
        (("--gpu", " , "), "--gpu: is empty; name GPUs"),
        (("--formats", ","), "--formats: is empty; name formats"),
        (("--gpu", "2xA100", "--num-gpus", "4"), "2 and 4 GPUs are asked for; give one count"),
        (("--budget", "cheap"), "--budget: 'cheap' is not an amount of money; write 5, $2.5/h"),
    ],
)
def test_what_is_vague_or_empty_is_one_line(quantadvise: Command, words: tuple[str, ...], says: str) -> None:
    result = quantadvise(*CHAT, *words)
    assert result.code == 1
    assert says in result.err
    assert len(result.err.splitlines()) == 1


def test_a_word_that_no_name_contains_is_an_error(quantadvise: Command) -> None:
    result = quantadvise("gpus", "abacus")
    assert (result.code, result.out) == (1, "")
    assert "unknown GPU 'abacus'" in result.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--users abc", "--users: 'abc' is not a number; give a whole number or max"),
        ("--rps -1", "--rps: '-1' is not a rate"),
        ("--users 5 --qps 4", "--users and --qps contradict each other"),
        ("--users max", "--users max: 'chat' has latency limits, which no queue of all requests keeps"),
        ("--max-gpus 0", "--max-gpus: 0 is not a number of GPUs"),
        ("--tp 0", "--tp: 0 is not a number of GPUs"),
        ("--enable-lora", "--enable-lora: LoRA adapters are not covered"),
        ("--formats q4_k_m", "format 'q4_k_m': GGUF and bitsandbytes run in kernels of their own"),
        ("--formats bnb-nf4", "GGUF and bitsandbytes run in kernels of their own"),
        ("--recipe foo@bar", "unknown algorithm 'foo'; known: autoround, gptq"),
        ("--nodes 0", "--nodes: 0 is not a number of machines"),
        ("--num-gpus 4 --max-gpus 2", "--num-gpus: 4 is more than --max-gpus, 2; keep one of them"),
        (
            "--think-time 3 --rps 5",
            "--think-time: requests come by themselves, so a think time changes nothing",
        ),
        ("--users max --slo ttft_p95_ms=9", "--users max: queues all requests at once"),
        ("--budget 0", "--budget: '0' is not above 0"),
        ("--max-concurrency 1.5", "--max-concurrency: expected a whole number, found 1.5"),
    ],
)
def test_an_error_names_the_option_as_it_was_typed(quantadvise: Command, words: str, message: str) -> None:
    result = quantadvise("recommend", "llama3.1-8b", "-w", "chat", "--gpu", "L40S", *words.split())
    assert result.code == 1
    assert message in result.err


@pytest.mark.parametrize("words", ["95%", "95 %", "95", "0.95"])
def test_a_share_may_be_typed_as_per_cent(quantadvise: Command, words: str) -> None:
    """A per cent sign that stands alone, as a shell hands it over, belongs to its number."""
    asked = ("recommend", "llama3.1-8b", "-w", "chat", "--gpu", "L40S", "-o", "json", "--top", 1)
    said = quantadvise(*asked, "--confidence", *words.split(), "--min-recovery", *words.split())
    workload = json.loads(said.out)["workload"]
    assert (workload["confidence"], workload["quality"]["min_recovery"]) == (0.95, 0.95)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("predict", "Llama-3.1-8B-Instruct", "--gpu", "L40S"), "API     0.256 USD per thousand queries"),
        (
            ("crossover", "Llama-3.1-8B-Instruct", "--gpu", "L40S"),
            "api_price, 0.256 USD per thousand queries",
        ),
        (
            ("measure-next", "Llama-3.1-8B-Instruct", "--gpu", "L40S"),
            "is not weighed here: recommend sets own",
        ),
        (("compare", "fp8@L40S", "int8@L40S", "--model", "Llama-3.1-8B-Instruct"), "is not weighed here"),
    ],
)
def test_the_price_of_an_api_in_a_profile_is_used_or_named(
    quantadvise: Command, tmp_path: Path, command: tuple[str, ...], words: str
) -> None:
    """512 prompt tokens at 0.2 and 256 answer tokens at 0.6 USD per million are 0.256 USD per thousand."""
    profile = tmp_path / "priced.yaml"
    profile.write_text("extends: chat\napi_price: 0.2/0.6\n", encoding="utf-8")
    done = quantadvise(*command, "--workload", profile)
    assert done.code == 0, done.err
    assert words in done.out


@pytest.mark.parametrize("rate", ["1e6", "1e7"])
def test_a_rate_up_to_the_greatest_has_an_answer(quantadvise: Command, rate: str) -> None:
    done = quantadvise("recommend", "Llama-3.1-8B-Instruct", "-w", "chat", "--gpu", "H100", "--rate", rate)
    assert (done.code, done.err) == (0, "")
    assert "replicas of 1× H100" in done.out.splitlines()[0]


def test_gpus_may_be_named_by_either_option(quantadvise: Command) -> None:
    one, other = (
        quantadvise("recommend", "Llama-3.1-8B-Instruct", "-w", "chat", option, "2xL40S")
        for option in ("--gpu", "--gpus")
    )
    assert (one.code, one.out) == (other.code, other.out)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("2", "a number is how many; say --num-gpus 2, or 2xH100"),
        ("48GB", "a size is no name; with about 48 GB there are --gpu "),
        ("48 gib", "a size is no name"),
        ("999G", "none has about 999 GB; quantadvise gpus lists all"),
    ],
)
def test_how_many_gpus_or_how_large_is_answered_by_the_option_that_says_so(
    quantadvise: Command, typed: str, words: str
) -> None:
    done = quantadvise("recommend", "Llama-3.1-8B-Instruct", "-w", "chat", "--gpu", typed)
    assert done.code == 1
    assert len(done.err.splitlines()) == 1
    assert words in done.err
    if typed == "48GB":
        named = done.err.split("--gpu ")[1].strip()
        assert {"L40S", "A6000"} <= set(named.split(","))
        assert quantadvise("recommend", "Llama-3.1-8B-Instruct", "-w", "chat", "--gpu", named).code == 0
