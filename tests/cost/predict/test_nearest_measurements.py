"""When the very cell of a prediction was measured, and which measured deployment is nearest otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from advisor.cost.fitting.measured_deployments import (
    DeploymentKey,
    Evidence,
    MeasuredCell,
    deployment_key,
    deployment_keys,
    settings_of,
    shape_key,
)
from advisor.cost.predict.nearest_measurements import SAME_LENGTH, EvidenceIndex, MeasuredRows, measured_rows
from advisor.cost.serving.load_table import LoadTable
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine
from tests.advise.builders import deployment

RELEASE = Engine(version="0.11.0")


def on(fmt: str = "fp8", gpu: str = "H100", **more: Any) -> Deployment:
    return replace(deployment(fmt=fmt, gpu=gpu, **more), engine=RELEASE)


def cell(**changed: Any) -> MeasuredCell:
    made = MeasuredCell(
        release=RELEASE.release,
        input_tokens=512.0,
        output_tokens=128.0,
        load="concurrency",
        level=16.0,
        quantity="tpot",
        log_ratio=0.1,
        rows=3,
        scatter=0.02,
    )
    return made._replace(**changed)


def loads(*rows: tuple[str, float, float, float], hits: float = 0.0) -> LoadTable:
    """(kind, level, prompt, answer) of the first deployment."""
    kinds, levels, inputs, outputs = (np.array(column) for column in zip(*rows, strict=True))
    count = len(rows)
    return LoadTable(
        deployment=np.zeros(count, dtype=np.intp),
        input_tokens=inputs.astype(float),
        output_tokens=outputs.astype(float),
        kind=kinds,
        level=levels.astype(float),
        idle_replicas=np.zeros(count),
        prefix_hit_rate=np.full(count, hits),
        requests_per_client=np.full(count, np.inf),
        input_std=np.zeros(count),
        output_std=np.zeros(count),
        burstiness=np.ones(count),
    )


def found(table: LoadTable, *cells: MeasuredCell, of: Deployment | None = None) -> list[int]:
    """Rows of the table whose TPOT was measured."""
    d = on() if of is None else of
    key = deployment_key(d)
    rows = measured_rows([d], [(key,)], {key: cells}, table, frozenset({"tpot"}))
    return [] if "tpot" not in rows else sorted(rows["tpot"].at.tolist())


HERE = ("concurrency", 16.0, 512.0, 128.0)


def test_the_very_cell_was_measured() -> None:
    table = loads(("concurrency", 8.0, 512.0, 128.0), HERE, ("rate", 16.0, 512.0, 128.0))
    assert found(table, cell()) == [1]


def test_what_was_measured_there_comes_with_its_error() -> None:
    d, key = on(), deployment_key(on())
    rows = measured_rows([d], [(key,)], {key: [cell()]}, loads(HERE), frozenset({"tpot", "ttft"}))
    assert set(rows) == {"tpot"}
    assert isinstance(rows["tpot"], MeasuredRows)
    assert (rows["tpot"].log_ratio.tolist(), rows["tpot"].scatter.tolist()) == ([0.1], [0.02])


@pytest.mark.parametrize("share", [1 - 1.5 * SAME_LENGTH, 1 - 0.9 * SAME_LENGTH, 1.0, 1 + 0.9 * SAME_LENGTH])
def test_lengths_of_a_benchmark_may_be_three_per_cent_off(share: float) -> None:
    near = abs(share - 1) <= SAME_LENGTH
    assert found(loads(("concurrency", 16.0, 512.0 * share, 128.0)), cell()) == ([0] if near else [])
    assert found(loads(("concurrency", 16.0, 512.0, 128.0 * share)), cell()) == ([0] if near else [])


@pytest.mark.parametrize(
    "changed",
    [
        {"release": "0.8"},
        {"quantity": "ttft"},
        {"settings": "max_num_seqs=64"},
        {"level": 17.0},
        {"load": "rate"},
    ],
)
def test_another_release_setting_or_load_is_another_cell(changed: dict[str, object]) -> None:
    assert found(loads(HERE), cell(**changed)) == []


def test_prompts_that_share_a_prefix_are_another_cell() -> None:
    assert found(loads(HERE, hits=0.5), cell()) == []


def test_one_client_of_a_closed_loop_is_a_single_stream() -> None:
    table = loads(("single", 1.0, 512.0, 128.0), ("concurrency", 1.0, 512.0, 128.0))
    assert found(table, cell(load="single", level=None)) == [0, 1]
    assert found(table, cell(load="concurrency", level=1.0)) == [0, 1]


def test_each_replica_is_the_one_that_was_measured() -> None:
    """The load of a row is a replica's own: two of them have 16 clients each, of 32 in all."""
    assert found(loads(HERE), cell(), of=on(replicas=2)) == [0]
    assert found(loads(("concurrency", 8.0, 512.0, 128.0)), cell(), of=on(replicas=2)) == []


def test_where_the_user_measured_a_published_figure_stands_back() -> None:
    published, own = cell(), cell(level=32.0, value=9.0)
    assert found(loads(HERE), published, own) == []
    assert found(loads(HERE), published, cell(level=32.0, quantity="ttft", value=9.0)) == [0]


def test_another_deployment_s_cells_say_nothing() -> None:
    d, other = on(), deployment_key(on("int4"))
    assert (
        measured_rows([d], [(deployment_key(d),)], {other: [cell()]}, loads(HERE), frozenset({"tpot"})) == {}
    )


def test_experts_that_are_spread_were_not_measured() -> None:
    d = on(tensor_parallel=2)
    spread = replace(d, parallelism=replace(d.parallelism, expert=True))
    assert found(loads(HERE), cell(), of=d) == [0]
    assert found(loads(HERE), cell(), of=spread) == []


def test_a_deployment_is_filed_under_one_replica_and_under_all_its_gpus() -> None:
    d = on(tensor_parallel=2, replicas=3)
    one, every = deployment_keys(d, shape_key(d.model), "v1")
    assert (one.num_gpus, one.any_arrangement) == (2, False)
    assert (every.num_gpus, every.any_arrangement) == (6, True)
    assert deployment_key(d) == one
    assert deployment_key(d, any_arrangement=True) == every


def test_the_two_16_bit_types_are_one_deployment() -> None:
    assert deployment_key(on("fp16")) == deployment_key(on("bf16"))


def test_settings_count_where_they_move_speed() -> None:
    d = on()
    assert settings_of(d) == ""
    small = replace(d, engine=Engine(version="0.11.0", max_num_seqs=64))
    assert settings_of(small) == "max_num_seqs=64"
    usual = replace(d, engine=Engine(version="0.11.0", gpu_memory_utilization=0.8))
    assert settings_of(usual) == ""  # it only bounds the cache


def evidence(d: Deployment, rows: int, source: str = "a table") -> Evidence:
    return Evidence(
        model=d.model.name,
        format=d.format.name,
        gpu=d.gpu.name,
        num_gpus=d.num_gpus,
        engine=str(d.engine),
        source=source,
        rows=rows,
        kernel=d.format.name,
        key=deployment_key(d),
    )


def test_its_own_measurements_are_the_nearest() -> None:
    mine, more = evidence(on(), 2), evidence(on("int4"), 500)
    index = EvidenceIndex([mine, more])
    assert index.nearest(on(), [mine.key]) == mine.text
    assert mine.text == "Llama-3.1-8B-Instruct fp8 on H100-SXM, vllm 0.11.0 (a table, 2 rows)"


def test_of_several_sources_the_one_with_most_rows_is_named() -> None:
    few, many = evidence(on(), 2, "few"), evidence(on(), 50, "many")
    assert "many" in EvidenceIndex([many, few]).nearest(on(), [few.key])


def test_the_same_model_and_gpu_count_more_than_the_same_format() -> None:
    nobody = DeploymentKey("none", "none", "16bit", "none", 1, False, "v1")
    same_gpu, same_format = evidence(on("int4"), 10), evidence(on("fp8", "L40S"), 10)
    index = EvidenceIndex([same_format, same_gpu])
    assert index.nearest(on(), [nobody]) == same_gpu.text
    assert index.nearest(on(), [nobody]) == same_gpu.text  # from memory, too


def test_without_any_evidence_nothing_is_said() -> None:
    assert EvidenceIndex([]).nearest(on(), [deployment_key(on())]) == ""
