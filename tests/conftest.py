"""What all tests share: which of them run, and whether whole texts are written anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.command import Command

# Several workers on few cores: OpenMP threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says something about the machine, nothing about the code.
settings.register_profile("whatever the load", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("whatever the load")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--heavy", action="store_true", help="also what runs the real vLLM, llm-compressor, lm-eval or Ray"
    )
    parser.addoption("--browser", action="store_true", help="also what drives the machine's Chromium")
    parser.addoption(
        "--regenerate", action="store_true", help="write every generated text anew, and do nothing else"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--regenerate"):
        writers = [item for item in items if "regenerate" in getattr(item, "fixturenames", ())]
        config.hook.pytest_deselected(items=[item for item in items if item not in writers])
        items[:] = writers
    if config.getoption("--heavy"):
        return
    skip = pytest.mark.skip(reason="heavy: needs the real tools; --heavy runs it")
    for item in items:
        if "heavy" in item.keywords:
            item.add_marker(skip)


@pytest.fixture
def quantadvise(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


@pytest.fixture
def regenerate(request: pytest.FixtureRequest) -> bool:
    """Whether a test that compares a generated text writes it instead; asking for this makes it one."""
    return bool(request.config.getoption("--regenerate"))


@pytest.fixture(scope="session")
def tools() -> Path:
    """Folder of the interpreter that has the real tools; made when it is not there (minutes, 3.4 GB)."""
    from advisor.measure.tools import envs, install

    if all(envs.find(name) is not None for name in ("vllm", "quantize", "evaluate", "torch", "ray")):
        return envs.require("vllm").python.parent
    return install.install("all-cpu", say=print) / "bin"
