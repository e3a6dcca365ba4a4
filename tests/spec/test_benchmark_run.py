"""How many requests a run sends, and what of its start its figures show."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.spec.benchmark_run import REQUESTS_PER_CLIENT, BenchmarkRun, requests_to_send


@pytest.mark.parametrize(
    ("load", "level", "sent"),
    [
        ("single", None, 50),
        ("concurrency", 64.0, 640),
        ("rate", 0.5, 100),
        ("rate", 8.0, 480),
        ("rate", 100.0, 2000),
        ("maximum", None, 1000),
    ],
)
def test_how_many_requests_are_sent(load, level, sent):
    assert requests_to_send(load, level) == sent


@given(clients=st.integers(1, 4096))
def test_every_client_of_a_run_of_ours_sends_what_answers_are_for_or_more(clients):
    planned = BenchmarkRun.planned("concurrency", float(clients))
    assert planned.requests_per_client >= REQUESTS_PER_CLIENT


@pytest.mark.parametrize(
    ("run", "per_client"),
    [
        (BenchmarkRun(load="concurrency", level=64.0, requests=256, repeats=3), 4.0),
        (BenchmarkRun(load="concurrency", level=64.0), 10.0),
        (BenchmarkRun(load="concurrency", level=64.0, requests=32), 1.0),
        (BenchmarkRun(load="concurrency", level=64.0, requests=256, is_steady=True), math.inf),
        (BenchmarkRun(load="maximum", requests=1000), 1.0),
        (BenchmarkRun(load="maximum"), math.inf),
        (BenchmarkRun(load="rate", level=5.0, requests=300), math.inf),
        (BenchmarkRun(load="single", requests=50), math.inf),
    ],
)
def test_repeats_are_runs_of_their_own(run, per_client):
    assert run.requests_per_client == per_client


def test_all_at_once_is_a_run_that_ends():
    assert BenchmarkRun(load="maximum", requests=1000).sent_together == 1000
    assert BenchmarkRun(load="maximum").sent_together is None
    assert BenchmarkRun(load="concurrency", level=8.0, requests=80).sent_together is None


def test_a_run_without_a_number_of_requests_cannot_be_made():
    with pytest.raises(ValueError, match="a run of maximum that says no number of requests"):
        _ = BenchmarkRun(load="maximum").num_prompts


@pytest.mark.parametrize("wrong", [{"requests": 0}, {"repeats": 0}])
def test_what_is_no_run_is_refused(wrong):
    with pytest.raises(ValueError, match="1 or more"):
        BenchmarkRun(load="single", **wrong)
