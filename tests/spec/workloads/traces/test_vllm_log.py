"""vLLM's own log lines as requests: what each release writes of a prompt and of its answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.spec.workloads.traces.vllm_log import is_vllm, read_vllm

HEAD = "INFO 11-30 12:00:0{second} [logger.py:42] "
OLD = (
    "Received request cmpl-{n}: prompt: 'How are you?', params: SamplingParams(n=1, temperature=0.0, "
    "max_tokens=64, ignore_eos={forced}), prompt_token_ids: [1, 2, 3, 4], lora_request: None."
)
NEW = "Received request chatcmpl-{n}: params: SamplingParams(n=1, max_tokens=64, ignore_eos=False)."
DETAILS = (
    "Request chatcmpl-{n} details: prompt: 'Hello there', prompt_token_ids: [5, 6, 7], prompt_embeds None."
)
TOKENS = "Generated response chatcmpl-{n} details: output_token_ids: [10, 11, 12, 13, 14]"
TEXT = (
    "Generated response chatcmpl-{n} (streaming complete): output: 'It is \\'fine\\'', "
    "output_token_ids: None, finish_reason: stop"
)


def lines(*texts: str, second: int = 0) -> list[tuple[int, str]]:
    return [(at + 1, HEAD.format(second=second + at) + text) for at, text in enumerate(texts)]


def test_an_old_release_writes_the_prompt_and_its_tokens_into_one_line() -> None:
    [request] = read_vllm(lines(OLD.format(n=1, forced=True))).requests
    assert (request.input_tokens, request.output_tokens) == (4, 64)


def test_an_answer_is_as_long_as_its_limit_only_where_that_is_forced() -> None:
    forced, free = lines(OLD.format(n=1, forced=True), OLD.format(n=2, forced=False))
    found = read_vllm([forced, free])
    assert [one.output_tokens for one in found.requests] == [64]  # of the other nothing tells


def test_a_new_release_writes_the_prompt_into_a_line_of_its_own_and_before() -> None:
    [request] = read_vllm(lines(DETAILS.format(n=1), NEW.format(n=1), TOKENS.format(n=1))).requests
    assert (request.input_tokens, request.output_tokens) == (3, 5)


def test_the_order_of_a_request_and_its_details_does_not_matter() -> None:
    before = read_vllm(lines(DETAILS.format(n=1), NEW.format(n=1), TOKENS.format(n=1)))
    after = read_vllm(lines(NEW.format(n=1), DETAILS.format(n=1), TOKENS.format(n=1)))
    kept = [(one.input_tokens, one.output_tokens) for one in before.requests]
    assert kept == [(one.input_tokens, one.output_tokens) for one in after.requests]


def test_an_answer_in_text_alone_has_its_letters() -> None:
    [request] = read_vllm(lines(DETAILS.format(n=1), NEW.format(n=1), TEXT.format(n=1))).requests
    assert request.output_tokens is None
    assert request.output_chars == len("It is \\'fine\\'")


def test_counts_stand_over_the_text_of_the_last_line() -> None:
    log = lines(DETAILS.format(n=1), NEW.format(n=1), TOKENS.format(n=1), TEXT.format(n=1))
    [request] = read_vllm(log).requests
    assert (request.output_tokens, request.output_chars) == (5, None)


def test_a_request_without_an_answer_is_left_out_where_others_have_one() -> None:
    log = lines(DETAILS.format(n=1), NEW.format(n=1), TOKENS.format(n=1), NEW.format(n=2))
    found = read_vllm(log)
    assert len(found.requests) == 1
    assert found.skipped == 1


def test_times_are_those_of_the_lines_to_the_second() -> None:
    log = lines(*(OLD.format(n=n, forced=True) for n in range(3)))
    found = read_vllm(log)
    sent = [one.at_s or 0.0 for one in found.requests]
    assert [at - sent[0] for at in sent] == [0.0, 1.0, 2.0]


def test_lines_of_other_programs_are_read_past() -> None:
    noise = [(9, "GET /health 200"), (10, "INFO 11-30 12:00:00 [metrics.py:1] Avg prompt throughput: 3")]
    assert not is_vllm(noise)
    log = lines(OLD.format(n=1, forced=True))
    assert is_vllm(log)
    assert len(read_vllm([*noise, *log]).requests) == 1


@pytest.mark.parametrize(
    "text", ["Received request", "Received request x", "] Received request cmpl-1: prompt"]
)
def test_a_line_that_was_cut_off_is_no_request(text: str) -> None:
    assert not is_vllm([(1, text)])


@given(st.text(alphabet=st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=60))
def test_a_prompt_may_hold_anything(prompt: str) -> None:
    text = (
        f"Received request cmpl-1: prompt: {prompt!r}, params: SamplingParams(max_tokens=8, ignore_eos=True)"
    )
    [request] = read_vllm(lines(text)).requests
    assert request.output_tokens == 8


def test_a_prompt_that_speaks_of_limits_sets_none() -> None:
    log = OLD.format(n=1, forced=True).replace("How are you?", "max_tokens=9 please")
    [request] = read_vllm(lines(log)).requests
    assert request.output_tokens == 64
    free = OLD.format(n=1, forced=False).replace("How are you?", "ignore_eos=True")
    assert read_vllm(lines(free, OLD.format(n=2, forced=True))).skipped == 1
