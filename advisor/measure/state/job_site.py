"""Where a job runs: its folders, its GPUs, its tools' environment, its time."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from advisor.measure.state.events import BudgetEndedError, CancelledError
from advisor.measure.tools import envs
from advisor.measure.tools.envs import FoundTool

_DROPPED = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"}


def never() -> bool:
    """Nobody cancels."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What a job may use."""

    folder: Path
    """The run's folder, seen by every machine that works on it."""
    gpus: tuple[int, ...] = ()
    """Driver numbers; empty on a CPU."""
    offline: bool = False
    """Model and data are local: the tools need not ask the Hub."""
    deadline: float | None = None
    """Unix time at which no further step begins."""
    cancelled: Callable[[], bool] = never
    port: int | None = None

    def tool(self, name: str) -> FoundTool:
        """Raises MissingToolError with the command that installs it."""
        return envs.require(name)

    def check(self) -> None:
        """Raises when the user stopped the run or the time is over."""
        if self.cancelled():
            raise CancelledError("stopped; the same command goes on")
        if self.deadline is not None and time.time() > self.deadline:
            raise BudgetEndedError("the time given by --budget is over; the same command goes on")

    def work(self, key: str) -> Path:
        """A step's own folder for logs and the tool's raw output."""
        folder = self.folder / "work" / key
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def env(self) -> dict[str, str]:
        """The tools' environment variables."""
        row = {key: value for key, value in os.environ.items() if key not in _DROPPED}
        row |= {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "TOKENIZERS_PARALLELISM": "false"}
        if self.offline:
            row |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
        if self.gpus:
            row["CUDA_VISIBLE_DEVICES"] = ",".join(str(gpu) for gpu in self.gpus)
            row["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
        else:
            # vLLM's CPU build takes a share of all memory unless told how many GiB.
            row.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
        return row


def now() -> str:
    """The time as records write it."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
