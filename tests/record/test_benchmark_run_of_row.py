"""Which benchmark run a record is of."""

from __future__ import annotations

import math

import pytest

from advisor.record.benchmark_run_of_row import run_of
from tests.record import build

UNDER_LOAD = {"load": "concurrency", "load_value": 64.0, "samples": 768, "origin": "measured"}


@pytest.mark.parametrize(
    ("changes", "requests", "repeats"),
    [
        ({"requests": 256, "repeats": 3}, 256, 3),
        ({"conditions": "vllm serve --seed 0; 256 requests x 3; variation 1.2%"}, 256, 3),
        ({}, 768, 1),
        ({"requests": 100, "repeats": 2, "conditions": "256 requests x 3"}, 100, 2),
        ({"samples": None}, None, 1),
    ],
)
def test_requests_are_those_of_one_repeat(changes, requests, repeats):
    run = run_of(build.speed(**(UNDER_LOAD | changes)))
    assert (run.requests, run.repeats) == (requests, repeats)


def test_a_maximum_is_one_burst_only_where_it_says_so():
    full = {"load": "maximum", "metric": "requests_per_s", "samples": 1000}
    assert run_of(build.speed(**full)).sent_together is None
    assert run_of(build.speed(**full, conditions="1000 prompts at once")).sent_together == 1000
    assert run_of(build.speed(**full, requests=1000)).sent_together == 1000
    assert run_of(build.speed(**full, conditions="1000 requests x 3")).sent_together == 1000


def test_what_is_known_of_a_source_stands_above_the_count_of_samples():
    row = build.speed(**(UNDER_LOAD | {"origin": "published"}))
    assert run_of(row, 5.0).requests == 320
    assert run_of(row, math.inf).requests_per_client == math.inf
    assert run_of(build.speed(), 5.0).requests is None


def test_the_spread_of_lengths_is_the_runs_own_where_it_is_known():
    row = build.speed(lengths="distribution", input_tokens=256.0, output_tokens=128.0)
    assert (run_of(row).input_std, run_of(row).output_std) == (128.0, 64.0)
    known = build.speed(lengths="distribution", input_std=25.6, output_std=0.0)
    assert (run_of(known).input_std, run_of(known).output_std) == (25.6, 0.0)
