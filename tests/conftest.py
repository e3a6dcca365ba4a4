"""What all tests share: which of them run, and whether whole texts are written anew."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from advisor.advise import api
from advisor.cost import fit_file
from advisor.cost.predict.predictor import Predictor
from advisor.cost.quality import accuracy_fit_file as quality_file
from advisor.cost.quality.quality_model import QualityModel
from advisor.errors import DataError
from tests.command import Command

FROZEN_FIT = Path(__file__).parent / "data" / "frozen_fit"

# Several workers on few cores: OpenMP threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Ages of prices are in kept texts: they are of this day, 2026-10-09, whatever the clock says.
os.environ["SOURCE_DATE_EPOCH"] = "1791504000"

# A job in a shell's background ignores Ctrl-C and so would all that tests start: they interrupt programs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

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


@lru_cache(maxsize=1)
def frozen_predictor() -> Predictor:
    try:
        return Predictor(fit_file.read(FROZEN_FIT / fit_file.NAME))
    except DataError as error:
        raise DataError(f"{error}: no, python benchmarks/freeze_fit.py renews this one") from error


@lru_cache(maxsize=1)
def frozen_quality() -> QualityModel:
    return QualityModel.read(FROZEN_FIT / quality_file.NAME)


@pytest.fixture(scope="module")
def frozen_fit() -> Iterator[None]:
    """Answers rest on the small fit in tests/data, not on the one that ships, until the module ends.

    New measurements then leave whole texts as they are. benchmarks/freeze_fit.py renews it.
    """
    caches = (api.shipped_predictor, api.shipped_quality)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Predictor, "shipped", frozen_predictor)
        patch.setattr(QualityModel, "shipped", frozen_quality)
        for cache in caches:
            cache.cache_clear()
        yield
    for cache in caches:
        cache.cache_clear()


@pytest.fixture(scope="session")
def tools() -> Path:
    """Folder of the interpreter that has the real tools; made when it is not there (minutes, 3.4 GB)."""
    from advisor.measure.tools import envs, install

    if all(envs.find(name) is not None for name in ("vllm", "quantize", "evaluate", "torch", "ray")):
        return envs.require("vllm").python.parent
    return install.install("all-cpu", say=print) / "bin"
