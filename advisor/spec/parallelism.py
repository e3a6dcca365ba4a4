"""Parallelism: how one model is split over GPUs, and how many copies of it serve."""

from __future__ import annotations

from dataclasses import dataclass, replace

MAX_GPUS = 100_000
"""More than the largest cluster known: as what one run used, a slip of the hand."""
MAX_FLEET = 100 * MAX_GPUS
"""GPUs that a search goes to, and so what a question may state: any rate has an answer, to be asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parallelism:
    """vLLM's parallel sizes, with the number of replicas."""

    tensor: int = 1
    """GPUs that split every matrix (`--tensor-parallel-size`)."""
    pipeline: int = 1
    """Groups of layers, one after the other (`--pipeline-parallel-size`)."""
    data: int = 1
    """Copies of attention that share routed experts (`--data-parallel-size`)."""
    expert: bool = False
    """True: each GPU of tensor × data holds whole experts (`--enable-expert-parallel`)."""
    replicas: int = 1
    """Equal servers that share the load."""
    nodes: int = 1
    """Machines of one replica."""

    def __post_init__(self) -> None:
        sizes = (self.tensor, self.pipeline, self.data, self.replicas, self.nodes)
        if min(sizes) < 1:
            raise ValueError(f"parallel sizes {sizes}: each is at least 1")

    @classmethod
    def of_gpus(cls, gpus: int, *, gpus_per_node: int, replicas: int = 1) -> Parallelism:
        """One replica over `gpus` GPUs: tensor parallel within a machine, pipeline across machines.

        vLLM's documentation splits so, and the seed paper's 16-GPU latencies fit it.
        """
        most = min(gpus, max(gpus_per_node, 1))
        tensor = next(size for size in range(most, 0, -1) if gpus % size == 0)
        stages = gpus // tensor
        return cls(tensor=tensor, pipeline=stages, replicas=replicas, nodes=stages)

    @property
    def gpus_per_replica(self) -> int:
        return self.tensor * self.pipeline * self.data

    @property
    def num_gpus(self) -> int:
        return self.gpus_per_replica * self.replicas

    @property
    def expert_shards(self) -> int:
        """Parts that one expert's matrices are cut into: tensor × data, 1 under expert parallelism."""
        return 1 if self.expert else self.tensor * self.data

    def times(self, replicas: int) -> Parallelism:
        """This split with `replicas` replicas."""
        return self if replicas == self.replicas else replace(self, replicas=replicas)
