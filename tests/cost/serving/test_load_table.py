"""A load, shared by replicas and by pipeline stages, as rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.cost.serving.load_table import load_table, loads_of, table_of_loads
from advisor.spec.deployment import Deployment
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.workload import Arrival, Lengths, Load


def load(arrival: Arrival) -> Load:
    return Load(input_tokens=Lengths.uniform(100, 300), output_tokens=Lengths.constant(50), arrival=arrival)


def deployments(*replicas: int) -> list[Deployment]:
    one = Deployment(
        model=find_model("Llama-3.1-8B-Instruct"), format=find_format("fp8"), gpu=find_gpu("H100")
    )
    return [replace(one, replicas=count) for count in replicas]


SINGLE, MAXIMUM = Arrival(kind="single"), Arrival(kind="maximum")


def test_lengths_keep_their_mean_and_spread():
    table = load_table(load(SINGLE), deployments(1))
    assert (table.input_tokens[0], table.output_tokens[0]) == (200, 50)
    # 100 to 300: the standard deviation of 201 equally likely whole numbers is sqrt((201² - 1) / 12)
    assert (table.input_std[0], table.output_std[0]) == (pytest.approx(58.02, abs=0.01), 0)


@given(st.floats(0.01, 1e4), st.lists(st.integers(1, 64), min_size=1, max_size=5))
def test_replicas_share_the_arrivals_and_serve_all_of_them(rate: float, replicas: list[int]):
    table = load_table(load(Arrival(kind="rate", value=rate)), deployments(*replicas))
    np.testing.assert_allclose(table.requests_per_s * np.array(replicas), rate)
    assert not table.clients.any()


@given(st.integers(1, 1000), st.integers(1, 64))
def test_each_replica_of_a_closed_loop_has_a_client(users: int, replicas: int):
    table = load_table(load(Arrival(kind="concurrency", value=users)), deployments(replicas))
    assert table.clients[0] == max(1.0, users / replicas)
    assert table.requests_per_s[0] == 0


def test_a_stream_has_one_client_and_all_at_once_has_no_end_of_them():
    table = table_of_loads([load(SINGLE), load(MAXIMUM)])
    assert table.clients.tolist() == [1, np.inf]
    shared = table.shared_by(np.array([4.0, 4.0])).per_stage(np.array([2.0, 2.0]))
    assert shared.clients.tolist() == [1, np.inf]


def test_a_level_of_its_own_takes_the_place_of_the_loads():
    asked = load(Arrival(kind="rate", value=1.0))
    table = load_table(asked, deployments(1, 2), levels=[6.0, 8.0])
    assert table.requests_per_s.tolist() == [6, 4]
    assert [one.arrival.value for one in loads_of(asked, deployments(1, 2), [6.0, 8.0])] == [6, 8]


def test_pipeline_stages_take_turns_with_equal_shares():
    arrivals = [Arrival(kind="rate", value=8.0), Arrival(kind="concurrency", value=8)]
    staged = table_of_loads([load(arrival) for arrival in arrivals]).per_stage(np.array([4.0, 4.0]))
    assert (staged.requests_per_s[0], staged.clients[1]) == (2, 2)


def test_only_closed_loops_have_a_start_that_counts():
    kinds = (SINGLE, MAXIMUM, Arrival(kind="rate", value=1.0), Arrival(kind="concurrency", value=2))
    table = table_of_loads([load(kind) for kind in kinds])
    assert table.requests_per_client.tolist() == [np.inf, np.inf, np.inf, 10]
    assert table.load_class.tolist() == ["single", "maximum", "loaded", "loaded"]
