"""What a person sees while a run works: the point that runs, how it stands, what is left."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from advisor.measure.execution import progress
from advisor.measure.state.events import Done, Live, Said
from advisor.measure.state.ledger import Entry
from advisor.measure.steps import live_metrics
from tests.measure.raw_server import drip, serving

# vLLM 0.32, after 16 requests of 64/16 tokens at concurrency 4
METRICS = """\
# HELP vllm:generation_tokens_total Number of generation tokens processed.
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="m"} 256.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001",model_name="m"} 0.0
vllm:time_to_first_token_seconds_count{engine="0",model_name="m"} 16.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="m"} 0.64
vllm:inter_token_latency_seconds_count{engine="0",model_name="m"} 240.0
vllm:inter_token_latency_seconds_sum{engine="0",model_name="m"} 1.2
"""
DONE = Done(
    job="bf16 ×1",
    entry=Entry(
        key="k",
        kind="bench",
        title="bf16 ×1 concurrency 4 #1",
        inputs={},
        seconds=1.0,
        date="2026-11-24T00:00:00Z",
        result={"figures": {"ttft_ms/mean": 40.0, "tpot_ms/mean": 5.0, "output_tokens_per_s/mean": 400.0}},
    ),
)


def test_counters_of_a_server_as_figures():
    now = live_metrics.parse(METRICS)
    assert now is not None
    before = live_metrics.Totals(tokens=0.0, ttft=(0.0, 0.0), tpot=(0.0, 0.0))
    assert live_metrics.words(before, now, 0.64) == "TTFT 40 ms, TPOT 5 ms, 400 tokens/s"
    assert live_metrics.words(now, now, 1.0) == ""


def test_engines_are_added_up():
    now = live_metrics.parse(METRICS + METRICS.replace('engine="0"', 'engine="1"'))
    assert now is not None
    assert now.tokens == 512


def test_what_says_nothing_is_left_in_peace():
    assert live_metrics.parse("<html>not found</html>") is None
    assert live_metrics.Watch("http://127.0.0.1:9").words() == ""


def test_a_server_that_answers_a_byte_at_a_time_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live_metrics, "DEADLINE_S", 0.3)
    with serving({"/metrics": drip(b"HTTP/1.1 200 OK\r\nX: y\r\n")}) as url:
        assert live_metrics.Watch(url).words() == ""


def shown(*, terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120)
    with progress.shown(console, 4, 1) as say:
        say(Said(job="bf16 ×1", text="concurrency 4, repeat 1"))
        say(Live(job="bf16 ×1", text="concurrency 4, repeat 1: TTFT 41 ms, 399 tokens/s"))
        say(DONE)
    return out.getvalue()


def test_a_terminal_shows_how_the_point_stands_and_what_is_left():
    text = shown(terminal=True)
    assert "TTFT 41 ms, 399 tokens/s" in text
    assert "bf16 ×1 concurrency 4 #1: TTFT 40 ms, TPOT 5.0 ms, 400 tokens/s" in text
    assert "[2/4, about" in text


def test_a_log_has_a_line_per_event_and_none_that_would_be_overwritten():
    lines = shown(terminal=False).splitlines()
    assert len(lines) == 3
    assert lines[0].endswith("4 steps known, 1 done")
    assert lines[1].endswith("bf16 ×1: concurrency 4, repeat 1")
    assert "TTFT 40 ms, TPOT 5.0 ms, 400 tokens/s  [2/4, about" in lines[2]
