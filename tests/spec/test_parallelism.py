"""How a model is split over GPUs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.spec.parallelism import Parallelism

SIZES = st.integers(1, 64)


@pytest.mark.parametrize(
    ("gpus", "per_node", "tensor", "pipeline"),
    [
        (1, 8, 1, 1),
        (8, 8, 8, 1),
        (16, 8, 8, 2),  # two machines: tensor parallel within each, pipeline across
        (12, 8, 6, 2),
        (6, 4, 3, 2),
        (7, 4, 1, 7),  # a prime that no machine holds
    ],
)
def test_gpus_of_several_machines_are_stages(gpus: int, per_node: int, tensor: int, pipeline: int) -> None:
    split = Parallelism.of_gpus(gpus, gpus_per_node=per_node)
    assert (split.tensor, split.pipeline, split.nodes) == (tensor, pipeline, pipeline)


@given(gpus=st.integers(1, 4_096), per_node=st.integers(0, 72), replicas=SIZES)
def test_every_gpu_is_used_and_no_matrix_is_split_across_machines(
    gpus: int, per_node: int, replicas: int
) -> None:
    split = Parallelism.of_gpus(gpus, gpus_per_node=per_node, replicas=replicas)
    assert split.gpus_per_replica == gpus
    assert split.num_gpus == gpus * replicas
    assert split.tensor <= max(per_node, 1)


@given(tensor=SIZES, data=SIZES, replicas=SIZES)
def test_expert_parallel_cuts_no_expert(tensor: int, data: int, replicas: int) -> None:
    cut = Parallelism(tensor=tensor, data=data)
    assert cut.expert_shards == tensor * data
    assert Parallelism(tensor=tensor, data=data, expert=True).expert_shards == 1
    assert cut.times(replicas).num_gpus == replicas * cut.num_gpus
    assert cut.times(replicas).times(1) == cut


@pytest.mark.parametrize("size", ["tensor", "pipeline", "data", "replicas", "nodes"])
def test_no_size_is_below_one(size: str) -> None:
    with pytest.raises(ValueError, match="each is at least 1"):
        Parallelism(**{size: 0})  # type: ignore[arg-type]
