"""A plan says what is measured; the same in a file and in flags; what cannot be is one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from advisor.errors import InputError, UnsupportedError
from advisor.measure.steps import what_to_measure as planning
from advisor.measure.steps.bench import Point
from advisor.measure.steps.what_to_measure import Plan, formats_of, points_of, read_plan

TEXT = """\
model: org/model
workload: chat
formats: [int4, bf16, W8A8]
concurrency: [1, 8, max]
rates: 0.5, 2
tasks: [gsm8k]
repeats: 5
calibration: {source: random, samples: 64, length: 512}
algorithms: {int4: awq}
"""


def test_a_file_and_flags_say_the_same(tmp_path: Path):
    path = tmp_path / "plan.yaml"
    path.write_text(TEXT)
    flags: dict[str, Any] = {
        "model": "org/model",
        "workload": "chat",
        "formats": formats_of("int4,bf16,W8A8"),
        "points": points_of("1,8,max", "0.5,2"),
        "tasks": ("gsm8k",),
        "repeats": 5,
        "calibration": planning.Calibration(source="random", samples=64, length=512),
        "algorithms": (("int4", "awq"),),
    }
    assert read_plan(path, {}) == read_plan(None, flags)


def test_flags_go_over_the_file(tmp_path: Path):
    path = tmp_path / "plan.yaml"
    path.write_text(TEXT)
    assert read_plan(path, {"repeats": 1, "model": None}).repeats == 1
    assert read_plan(path, {"repeats": 1, "model": None}).model == "org/model"


def test_paths_are_taken_from_where_the_file_lies(tmp_path: Path):
    (tmp_path / "model").mkdir()
    for name in ("load.yaml", "rows.jsonl", "prompts.jsonl"):
        (tmp_path / name).touch()
    path = tmp_path / "plan.yaml"
    path.write_text(
        "model: model\nworkload: load.yaml\nprompts: prompts.jsonl\ncalibration: {source: rows.jsonl}\n"
        "checkpoints: {int4: model}\ntask_folder: model\ntasks: [any]\n"
    )
    plan = read_plan(path, {})
    assert plan.model == plan.task_folder == dict(plan.checkpoints)["int4"] == str(tmp_path / "model")
    assert plan.workload == str(tmp_path / "load.yaml")
    assert plan.prompts == str(tmp_path / "prompts.jsonl")
    assert plan.calibration.source == str(tmp_path / "rows.jsonl")


def test_the_16_bit_model_comes_first():
    assert formats_of("int4,W8A8,bf16") == ("bf16", "int4", "int8")


def test_points_of_words():
    assert points_of("1,8,max", "0.5") == (
        Point(kind="concurrency", value=1.0),
        Point(kind="concurrency", value=8.0),
        Point(kind="maximum"),
        Point(kind="rate", value=0.5),
    )


@pytest.mark.parametrize(
    ("concurrency", "rates", "message"),
    [
        ("0", None, "--concurrency: '0' is not a whole number from 1 to 100,000 nor 'max'"),
        ("fast", None, "--concurrency: 'fast' is not a whole number from 1 to 100,000 nor 'max'"),
        (None, "-1", "--rates: '-1' is not a number of requests per second above 0"),
        (None, "nan", "--rates: 'nan' is not a number of requests per second above 0"),
    ],
)
def test_wrong_points(concurrency: str | None, rates: str | None, message: str):
    with pytest.raises(InputError) as caught:
        points_of(concurrency, rates)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("concurency: [1]", "plan.yaml:3: unknown key 'concurency'; did you mean 'concurrency'?"),
        (
            "concurrency: [0]",
            "plan.yaml:3: concurrency: '0' is not a whole number from 1 to 100,000 nor 'max'",
        ),
        ("formats: [int5]", "plan.yaml:3: formats: unknown format 'int5'; did you mean int8"),
        ("checkpoints: {int5: x}", "plan.yaml:3: checkpoints: unknown format 'int5'"),
        ("repeats: many", "plan.yaml:3: repeats: expected a number, found 'many'"),
        ("formats: [int5]", "unknown"),
        ("calibration: {sampels: 3}", "did you mean 'samples'?"),
    ],
)
def test_a_wrong_line_of_the_file_is_named(tmp_path: Path, line: str, message: str):
    path = tmp_path / "plan.yaml"
    path.write_text(f"model: m/m\nworkload: chat\n{line}\n")
    with pytest.raises(InputError) as caught:
        read_plan(path, {"points": points_of("1", None)})
    assert message in str(caught.value)


def valid(**changes: Any) -> Plan:
    base: dict[str, Any] = {"model": "org/model", "workload": "chat", "points": points_of("1", None)}
    return Plan(**(base | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": ()}, "nothing to measure"),
        ({"formats": ()}, "no format"),
        ({"dummy": True, "tasks": ("gsm8k",)}, "dummy weights have no accuracy"),
        ({"dummy": True, "formats": ("int4",)}, "--checkpoint FORMAT=FOLDER"),
        ({"repeats": 4, "max_repeats": 3}, "at most max_repeats"),
    ],
)
def test_what_a_plan_cannot_be(changes: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message):
        valid(**changes)


def test_a_format_nobody_can_make_needs_a_checkpoint():
    with pytest.raises(UnsupportedError, match="fp8-w8a16: no recipe to make it"):
        read_plan(None, {"model": "m", "workload": "chat", "tasks": ("x",), "formats": ("fp8-w8a16",)})


def test_neither_a_model_nor_a_file():
    with pytest.raises(InputError, match="no model; give --model"):
        read_plan(None, {})


def test_a_point_gets_at_least_four_waves():
    assert valid().run_at(Point(kind="concurrency", value=64.0)).num_prompts == 640
    assert valid(requests=10).run_at(Point(kind="concurrency", value=64.0)).num_prompts == 10
