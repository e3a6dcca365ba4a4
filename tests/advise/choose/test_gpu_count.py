"""The workload's conventions on GPU counts, and what they leave to choose from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from advisor.advise.api import recommend
from advisor.advise.choose.gpu_count import arranged, by_convention, sixteen_bit_count
from advisor.cost.predict.prediction import Prediction
from advisor.spec.deployment import Deployment
from advisor.spec.workloads.profile_flags import override
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import GpuCount
from tests.advise.builders import GB, choice, deployment, judged, prediction, workload


def fitting(count: int, fits: bool, fmt: str = "bf16") -> Prediction:
    """On so many A100, or not."""
    made = deployment(fmt=fmt, gpu="A100", tensor_parallel=count)
    return prediction(made) if fits else prediction(made, kv_bytes=-GB, max_concurrency=0)


def on(count: int, gpu: str = "A100", fmt: str = "bf16") -> Deployment:
    return deployment(fmt=fmt, gpu=gpu, tensor_parallel=count)


def left(predictions: list[Prediction], convention: GpuCount) -> list[Deployment]:
    """What a convention leaves."""
    asked = workload(gpu_count=convention)
    table = judged(predictions, asked)
    mask = by_convention(choice(asked, table.deployments), table)[0]
    return [table.deployments[i] for i in np.flatnonzero(mask)]


@pytest.mark.parametrize("order", [1, -1])
def test_synchronous_lets_each_format_take_its_own_smallest_count(order: int) -> None:
    # 70B on A100-80: BF16 needs two, INT4 fits one (seed paper, Table 5).
    predicted = [
        fitting(1, False),
        fitting(2, True),
        fitting(4, True),
        fitting(1, True, "int4"),
        fitting(2, True, "int4"),
    ][::order]
    chosen = {(d.format.name, d.tensor_parallel) for d in left(predicted, "smallest")}
    assert chosen == {("bf16", 2), ("int4", 1)}


def test_synchronous_keeps_the_largest_try_of_what_fits_nowhere() -> None:
    [only] = left([fitting(1, False), fitting(2, False)], "smallest")
    assert only.tensor_parallel == 2


def test_asynchronous_counts_what_sixteen_bits_need_on_each_gpu() -> None:
    sixteen = [on(1), on(2), on(4), on(2, "A6000"), on(4, "A6000")]
    needed = sixteen_bit_count(sixteen, [False, True, True, False, True])
    assert needed == {"A100-SXM-80GB": 2, "A6000": 4}


def test_asynchronous_counts_the_largest_try_where_sixteen_bits_never_fit() -> None:
    assert sixteen_bit_count([on(1), on(2)], [False, False]) == {"A100-SXM-80GB": 2}


def test_one_count_of_gpus_is_split_into_replicas_in_every_way_that_fills_it() -> None:
    singles = [on(n, fmt="int4") for n in (1, 2, 4, 8)]
    filled = arranged(singles, {"A100-SXM-80GB": 4}, None)
    assert [(d.tensor_parallel, d.replicas) for d in filled] == [(1, 4), (2, 2), (4, 1)]
    eight = [(d.tensor_parallel, d.replicas) for d in arranged(singles, {}, 8)]
    assert eight == [(1, 8), (2, 4), (4, 2), (8, 1)]


def test_a_gpu_on_which_nothing_is_known_of_sixteen_bits_has_no_count() -> None:
    assert arranged([on(1)], {}, None) == []


def test_of_the_ways_to_split_the_one_that_serves_most_is_taken() -> None:
    slow = prediction(deployment(gpu="A100", tensor_parallel=4), capacity=2.0)
    fast = prediction(deployment(gpu="A100", tensor_parallel=2, replicas=2), capacity=3.0)
    broken = replace(prediction(deployment(gpu="A100", replicas=4)), capacity_requests_per_s=None)
    assert left([slow, fast, broken], "same") == [fast.deployment]
    assert left([broken], "same") == [broken.deployment]


def test_of_three_gpus_two_are_used_where_one_does_not_hold_the_model_and_three_are_paid_for() -> None:
    asked = override(load_workload("chat"), rate=0.1, slo=["none"])
    three = recommend("Llama-3.3-70B-Instruct", asked, gpus=["RTX4090"], num_gpus=3, prices={"RTX4090": 1.0})
    two = recommend("Llama-3.3-70B-Instruct", asked, gpus=["RTX4090"], num_gpus=2, prices={"RTX4090": 1.0})
    assert three.winner is not None
    assert two.winner is not None
    assert three.winner.deployment == two.winner.deployment
    assert three.winner.deployment.num_gpus == 2
    assert three.winner.cost is not None
    assert (three.winner.cost.usd_per_hour, three.winner.cost.gpus_bought) == (3.0, 3)
    assert "1 of the 3 GPUs stays idle, and paid for" in three.notes
    assert not [note for note in two.notes if "idle" in note]


def test_the_smallest_that_holds_the_model_is_on_more_gpus_than_were_asked() -> None:
    asked = override(load_workload("chat"), rate=0.1, slo=["none"])
    for count in (1, 3, 5):
        found = recommend("Llama-3.1-405B-Instruct", asked, gpus=["L40S"], num_gpus=count)
        assert found.smallest is not None
        assert found.smallest.deployment.num_gpus > count
