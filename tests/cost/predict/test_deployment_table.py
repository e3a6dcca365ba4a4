"""What a prediction needs of a deployment, worked out once for all counts of replicas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from advisor.cost.array_table import count_bytes
from advisor.cost.predict import deployment_table
from advisor.cost.predict.deployment_table import DeploymentNumbers, DeploymentTables
from advisor.cost.predict.predictor import Predictor
from advisor.cost.step.deployment_work import deployment_arrays
from advisor.errors import UnsupportedError
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import parse_engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model

MODEL = find_model("Llama-3.1-8B-Instruct")


def deployment(fmt: str = "fp8", gpu: str = "H100", replicas: int = 1) -> Deployment:
    return Deployment(model=MODEL, format=find_format(fmt), gpu=find_gpu(gpu), replicas=replicas)


def tables() -> DeploymentTables:
    return DeploymentTables(Predictor.shipped().fit)


def test_rows_come_in_the_order_asked_and_replicas_share_a_row() -> None:
    asked = [deployment("bf16"), deployment(replicas=3), deployment("bf16", "L40S"), deployment()]
    table = tables().table(asked)
    assert table.deployments == tuple(asked)
    assert table.replicas.tolist() == [1, 3, 1, 1]
    np.testing.assert_array_equal(table.replica.arrays.weight_bytes, deployment_arrays(asked).weight_bytes)
    assert table.replica.memory.kv_bytes[1] == table.replica.memory.kv_bytes[3]


def test_what_was_worked_out_is_not_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tables()
    first = kept.table([deployment(), deployment("bf16")])
    asked: list[int] = []
    monkeypatch.setattr(
        deployment_table, "deployment_arrays", lambda d: asked.append(len(d)) or deployment_arrays(d)
    )
    again = kept.table([deployment("bf16", replicas=2), deployment("int8"), deployment(replicas=9)])
    assert asked == [1]
    assert again.replica.costs.weights_s[[2, 0]].tolist() == first.replica.costs.weights_s.tolist()


def test_no_more_replicas_are_kept_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment_table, "MAX_KEPT_REPLICAS", 3)
    kept = tables()
    plain = tables().table([deployment("int4", "A100")])
    for fmt in ("bf16", "fp8", "int8", "int4"):
        kept.table([deployment(fmt)])
    assert count_bytes(kept.table([deployment("bf16", "A100")])) == count_bytes(plain)
    assert len(kept._kept.place) <= 4
    found = kept.table([deployment("int4", "A100")])
    assert found.replica.memory.kv_bytes.tolist() == plain.replica.memory.kv_bytes.tolist()


def test_distance_grows_from_a_measured_deployment_to_a_new_model_to_a_new_gpu() -> None:
    other = replace(MODEL, hidden=MODEL.hidden + 128)
    unknown = replace(find_gpu("H100"), name="H999")
    measured = replace(deployment(), engine=parse_engine("vllm 0.6.4"))  # in the seed paper
    asked = [measured, replace(measured, model=other), replace(measured, gpu=unknown)]
    assert tables().table(asked).distance.tolist() == [0, 1, 2]


def test_a_format_that_the_gpu_cannot_run_is_refused() -> None:
    nowhere = replace(deployment(), format=replace(find_format("fp8"), supports=()))
    with pytest.raises(UnsupportedError, match="H100-SXM cannot run fp8"):
        tables().table([deployment(), nowhere])


def test_equal_deployments_have_one_key_and_others_their_own() -> None:
    numbers = DeploymentNumbers()
    one, same, more, other = numbers.of(
        [
            deployment(),
            replace(deployment(), model=replace(MODEL)),
            deployment(replicas=2),
            replace(deployment(), model=replace(MODEL, vocab=MODEL.vocab + 1)),
        ]
    )
    assert one == same == more
    assert other != one
