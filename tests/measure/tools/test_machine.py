"""Devices by the driver's own words; tools found and compared by version; samples of nvidia-smi averaged."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from advisor.errors import InputError, MissingToolError
from advisor.measure.tools import envs, install, machine, telemetry

# Names and sizes as nvidia-smi prints them on these cards.
DRIVER_NAMES = [
    ("NVIDIA H100 80GB HBM3", 81_559, "H100-SXM"),
    ("NVIDIA H100 PCIe", 81_559, "H100-PCIe"),
    ("NVIDIA A100-SXM4-80GB", 81_920, "A100-SXM-80GB"),
    ("NVIDIA A100-PCIE-40GB", 40_960, "A100-PCIe-40GB"),
    ("NVIDIA RTX A6000", 49_140, "A6000"),
    ("NVIDIA GeForce RTX 4090", 24_564, "RTX4090"),
    ("Tesla T4", 15_360, "T4"),
    ("Tesla V100-SXM2-32GB", 32_768, "V100-32GB"),
    ("NVIDIA L40S", 46_068, "L40S"),
    ("NVIDIA H200", 143_771, "H200"),
]


@pytest.mark.parametrize(("driver", "memory_mib", "name"), DRIVER_NAMES)
def test_the_drivers_name_leads_to_the_catalog(driver: str, memory_mib: int, name: str):
    assert machine.catalog_name(driver, memory_mib) == (name, True)


def test_a_known_name_with_another_memory_is_not_that_gpu():
    assert machine.catalog_name("NVIDIA H100 80GB HBM3", 40_000) == ("NVIDIA H100 80GB HBM3", False)


def test_an_unknown_gpu_keeps_the_drivers_words():
    assert machine.catalog_name("NVIDIA GeForce GTX 1080", 8_192) == ("NVIDIA GeForce GTX 1080", False)


def test_rows_of_nvidia_smi():
    rows = [
        f"{index}, NVIDIA L4, 23034, 550.54.15, GPU-{index}, 72.00, 8.9, {index * 5_000}" for index in (0, 1)
    ]
    first, second = machine.parse_nvidia("\n".join(rows))
    assert (first.index, first.name, first.memory_mib) == (0, "L4", 23034)
    assert second.facts["uuid"] == "GPU-1"
    assert [first.is_busy, second.is_busy] == [False, True]


def test_a_gpu_in_other_hands_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    rows = [
        f"{i}, NVIDIA L4, 23034, 550.54.15, GPU-{i}, 72.00, 8.9, {used}" for i, used in ((0, 9_000), (1, 450))
    ]
    monkeypatch.setattr(machine, "nvidia", lambda: machine.parse_nvidia("\n".join(rows)))
    assert [device.index for device in machine.choose(None)] == [1]
    machine.check_free(machine.choose(None))
    with pytest.raises(InputError, match="GPU 0: 9,000 of 23,034 MiB are in use by other programs; end them"):
        machine.check_free(machine.choose((0, 1)))


def test_what_nvidia_smi_says_without_a_driver_is_no_gpu():
    assert (
        machine.parse_nvidia("NVIDIA-SMI has failed because it couldn't communicate with the driver.") == []
    )


def test_without_a_gpu_the_cpu_is_measured_under_its_own_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    (device,) = machine.choose(None)
    assert (device.name, device.index, device.in_catalog) == ("cpu", None, False)
    with pytest.raises(
        InputError, match=r"--gpus: no GPU 0 here; there are: none \(no NVIDIA driver answers\)"
    ):
        machine.choose((0,))


def test_samples_are_averaged_and_memory_is_the_highest(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text("$ nvidia-smi\n10, 99, 900, 5, 40\n")
    mark = telemetry.size(log)
    with log.open("a") as file:
        file.write("1000, 300.00, 1980, 90, 60\n2000, 310.00, [N/A], 100, 62\n")
    assert telemetry.summary(log, mark) == {
        "memory_mib": 2000.0,
        "power_w": 305.0,
        "sm_clock_mhz": 1980.0,
        "utilization_pct": 95.0,
        "temperature_c": 61.0,
    }


def test_without_samples_nothing_is_said(tmp_path: Path):
    assert telemetry.summary(tmp_path / "none", 0) == {}


@pytest.mark.parametrize(
    ("older", "newer"),
    [("0.9.1", "0.14"), ("0.14.0", "0.14.0.1"), ("2.13.0+cpu", "2.14"), ("0.32.0rc1", "0.33")],
)
def test_versions_compare_by_number(older: str, newer: str):
    assert envs.numbers(older) < envs.numbers(newer)


def test_an_interpreter_named_by_a_variable_is_the_one_looked_at(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("QUANTADVISE_TORCH_PYTHON", sys.executable)
    have = envs.versions(Path(sys.executable))
    found = envs.find("torch")
    assert (found is not None) == ("torch" in have)


def test_an_interrupted_installation_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("QUANTADVISE_TOOLS_DIR", str(tmp_path))
    bin = tmp_path / "all-cpu" / "bin"
    bin.mkdir(parents=True)
    (bin / "python").symlink_to(sys.executable)
    assert not install.is_current("all-cpu")
    assert all(where != "environment all-cpu" for _, where in envs._candidates(envs.find_tool_row("vllm")))


def test_an_old_tool_is_named_with_the_version_it_should_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho \'{"vllm": "0.6.4"}\'\n')
    python.chmod(0o755)
    monkeypatch.setenv("QUANTADVISE_VLLM_PYTHON", str(python))
    with pytest.raises(MissingToolError, match=r"vLLM \(serve, bench\) 0\.6\.4 is older than 0\.12; run: "):
        envs.require("vllm")


def test_which_environment_holds_which_tool():
    assert install.environment_for("vllm", cuda=True) == "vllm-cuda"
    assert install.environment_for("quantize", cuda=True) == "quantize-cuda"
    ours = [tool.name for tool in envs.TOOLS if tool.name != "guidellm"]
    assert {install.environment_for(name, cuda=False) for name in ours} == {"all-cpu"}
    assert {install.environment_for("guidellm", cuda=cuda) for cuda in (False, True)} == {"guidellm-cpu"}
    assert install.environment_for("ray", cuda=True) == "all-cpu"
    assert {name for tool in envs.TOOLS for name in tool.environments} == set(install.ENVIRONMENTS)


def test_every_environment_has_its_pins_and_pins_have_versions():
    for environment in install.ENVIRONMENTS:
        text = (install.PINS / f"{environment}.txt").read_text()
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        assert lines
        assert all("==" in line or ">=" in line for line in lines)
        assert install.pins_digest(environment)
