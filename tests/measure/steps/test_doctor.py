"""`doctor` states what works, what fails and what could not be tried, and never more than it tried."""

from __future__ import annotations

import json
import logging
from logging.config import dictConfig
from pathlib import Path

import pytest

from advisor.errors import DataError
from advisor.measure.state.job_site import Site
from advisor.measure.steps import doctor
from advisor.measure.steps.doctor import Check
from advisor.measure.steps.workers.doctor_worker import Kernels
from advisor.measure.tools import envs, machine

CPU = [machine.cpu()]
A100 = machine.parse_nvidia("0, NVIDIA A100-SXM4-80GB, 81920, 550.54.15, GPU-1, 400.00, 8.0, 4")
H100 = machine.parse_nvidia("0, NVIDIA H100 80GB HBM3, 81559, 550.54.15, GPU-7, 700.00, 9.0, 4")


def tried(**works: bool | None) -> list[Check]:
    """The engine, and formats in vLLM."""
    named = {"engine": doctor.ENGINE} | {name: f"{name}{doctor.IN_VLLM}" for name in doctor.FORMATS}
    return [Check(what=named[key], works=value, detail=f"detail of {key}") for key, value in works.items()]


def test_what_vllm_did_with_a_format_is_what_is_said_of_it():
    # PyTorch multiplies FP8 on a CPU, where vLLM may refuse it.
    product = Check(what="fp8 product", works=True, detail="off by 0.01")
    found = doctor.verdicts([product, *tried(engine=True, int8=True, fp8=False)], CPU)
    assert found["bf16"] == "works: detail of engine"
    assert found["int8"] == "works: detail of int8"
    assert found["fp8"] == "will not work: detail of fp8"


@pytest.mark.parametrize("checks", [[], tried(engine=None, fp8=None, int8=None)])
def test_without_vllm_nothing_is_promised(checks: list[Check]):
    found = doctor.verdicts(checks, CPU)
    assert set(found.values()) == {"unknown: not tried with vLLM"}
    assert set(found) == {"bf16", *doctor.FORMATS, *doctor.PACKAGINGS}


def test_the_rules_stand_in_where_vllm_was_not_tried_on_a_listed_gpu():
    ampere, hopper = doctor.verdicts([], A100), doctor.verdicts([], H100)
    # Ampere has no FP8 products and vLLM widens the weights; Hopper multiplies, and CUTLASS has its W4A8.
    assert "(weights only, 16-bit products)" in ampere["fp8"]
    assert "(native products)" in hopper["fp8"]
    assert "does not start it: " in ampere["w4a8-fp8"]
    assert "with Cutlass W4A8" in hopper["w4a8-fp8"]
    assert all(words.startswith("unknown: not tried with vLLM") for words in ampere.values())


def test_a_format_that_the_hardware_lacks_is_no_fault_of_the_machine():
    lacking = [Check(what="fp8 product", works=False, detail="none"), *tried(nvfp4=False)]
    assert doctor.failures(lacking) == []
    assert doctor.failures([*lacking, *tried(engine=False)]) == ["vLLM engine"]


def test_a_gpu_that_nvidia_smi_lists():
    [check] = list(doctor.machine_checks(H100))[:1]
    assert check.works
    assert "H100-SXM" in check.detail
    assert "driver 550.54.15, capability 9.0, 81,555 of 81,559 MiB free" in check.detail


def test_kernels_are_heard_whatever_becomes_of_the_loggers_handlers():
    logger = logging.getLogger("vllm")
    with Kernels() as kernels:
        dictConfig({"version": 1, "loggers": {"vllm": {"level": "INFO", "handlers": []}}})
        logger.info(
            "Selected %s for %s", "ChannelWiseTorchFP8ScaledMMLinearKernel", "CompressedTensorsW8A8Fp8"
        )
        logger.info("Using %s for CompressedTensorsWNA16", "CPUWNA16LinearKernel")
        logger.info("Using %s for CompressedTensorsWNA16", "CPUWNA16LinearKernel")
    logger.info("Using AfterwardsKernel for nothing")
    assert kernels.names == ["ChannelWiseTorchFP8ScaledMMLinearKernel", "CPUWNA16LinearKernel"]


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
    checks = doctor.examine(CPU, site, engine=True, say=lambda check: None)
    found = {check.what: check for check in checks}
    assert found["bf16 product"].works
    assert found["int8 product"].works
    assert found["vLLM engine"].works, found["vLLM engine"].detail
    said = doctor.verdicts(checks, CPU)
    assert {name.partition(":")[0] for name in said.values()} == {"works", "will not work"}
    works = {name for name, words in said.items() if words.startswith("works")}
    assert all("Kernel" in said[name] for name in works - {"bf16"}), said
    # What test_real_loop.py and test_real_architectures.py serve; of NVFP4 vLLM 0.32.0 has no CPU kernel.
    assert works >= {"bf16", "fp8", "int8", "int4", "int4 (GPTQ)", "int4 (AWQ)"}, said
    assert "Failed to find a kernel" in said["nvfp4"]
    assert doctor.failures(checks) == []
