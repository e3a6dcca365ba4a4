"""`doctor` states what works, what fails and what could not be tried, and never more than it tried."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advisor.errors import DataError
from advisor.measure.state.site import Site
from advisor.measure.steps import doctor
from advisor.measure.steps.doctor import Check
from advisor.measure.tools import envs, machine


def checks(**works: bool | None) -> list[Check]:
    names = {
        "engine": "vLLM engine",
        "bf16": "bf16 product",
        "int8": "int8 product",
        "fp8": "fp8 product",
    }
    return [Check(what=names[key], works=value, detail="any") for key, value in works.items()]


def test_a_format_works_when_its_product_and_the_engine_do():
    found = doctor.verdicts(checks(engine=True, bf16=True, int8=True, fp8=False))
    assert found["bf16"] == found["int8"] == "should work"
    # On Ampere there is no FP8 product, and vLLM still serves FP8 weights.
    assert found["fp8"] == doctor.FP8_WITHOUT_PRODUCT
    assert found["int4"].startswith("unknown")
    assert doctor.verdicts(checks(engine=True, bf16=True, int8=False))["int8"].startswith("will not work")


@pytest.mark.parametrize("engine", [{}, {"engine": None}])
def test_without_the_engine_nothing_is_promised(engine: dict[str, None]):
    found = doctor.verdicts(checks(**engine, bf16=True, int8=True, fp8=True))
    assert all(verdict.startswith("unknown") for verdict in found.values())


def test_an_engine_that_fails_fails_every_format():
    found = doctor.verdicts(checks(engine=False, bf16=True, int8=True, fp8=True))
    assert all(found[format].startswith("will not work: the engine fails") for format in doctor.PRODUCTS)


def test_a_gpu_that_nvidia_smi_lists():
    row = "0, NVIDIA H100 80GB HBM3, 81559, 550.54.15, GPU-7, 700.00, 9.0, 4"
    [check] = list(doctor.machine_checks(machine.parse_nvidia(row)))[:1]
    assert check.works
    assert "H100-SXM" in check.detail
    assert "driver 550.54.15, capability 9.0, 81,555 of 81,559 MiB free" in check.detail


@pytest.mark.parametrize("rows", [None, 5, [{}], [{"what": 1}], {"what": "x"}])
def test_rows_that_are_no_checks(rows: object):
    with pytest.raises(DataError, match="not the worker's checks"):
        doctor.parse(rows, where="result.json")


def test_the_file_for_an_issue_names_no_user_and_no_serial_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("HOME", str(tmp_path))
    row = "0, NVIDIA L4, 23034, 535.161.07, GPU-8f7e, 72.00, 8.9, 1"
    devices = machine.parse_nvidia(row)
    text = doctor.to_json([Check(what="x", works=True, detail=f"{tmp_path}/log")], devices, "2026-11-30")
    assert "GPU-8f7e" not in text
    assert str(tmp_path) not in text
    assert json.loads(text)["doctor"] == 1


@pytest.mark.heavy
def test_the_real_tools_on_this_cpu(tmp_path: Path):
    if envs.find("torch") is None or envs.find("vllm") is None:
        pytest.skip("needs quantadvise tools install")
    site = Site(folder=tmp_path, offline=True)
    found = {c.what: c for c in doctor.examine([machine.cpu()], site, engine=True, say=lambda check: None)}
    assert found["bf16 product"].works
    assert found["int8 product"].works
    assert found["vLLM engine"].works, found["vLLM engine"].detail
