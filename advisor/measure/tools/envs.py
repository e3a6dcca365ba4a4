"""Where the real tools live: which are there, which versions, how to install what is missing.

Their pins conflict, so each may have its own environment. Looked at in this order: the interpreter named by
`QUANTADVISE_VLLM_PYTHON` (…`_QUANTIZE_`…, `_EVALUATE_`…, `_RAY_`…, `_TORCH_`…, `_GUIDELLM_`…), environments
made by `quantadvise tools install`, the interpreter that runs us, the `python3` on PATH.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from advisor.errors import InputError, MissingToolError
from advisor.measure.tools import ask_program

MARKER = "quantadvise-environment.json"
"""Written last: an environment without it was interrupted and is not used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program we drive, as the distributions that make it up."""

    name: str
    title: str
    distributions: tuple[str, ...]
    """The first one found gives the version."""
    tested: str
    """The version our commands and parsers were run against."""
    minimum: str
    environments: tuple[str, ...]
    """Which of our own environments hold it, best first."""


TOOLS = (
    Tool(
        name="vllm",
        title="vLLM (serve, bench)",
        distributions=("vllm",),
        tested="0.32.0",
        minimum="0.12",
        environments=("vllm-cuda", "all-cpu"),
    ),
    Tool(
        name="quantize",
        title="llm-compressor",
        distributions=("llmcompressor",),
        tested="0.14.0.1",
        minimum="0.14",
        environments=("quantize-cuda", "all-cpu"),
    ),
    Tool(
        name="evaluate",
        title="lm-eval",
        distributions=("lm_eval", "lm-eval"),
        tested="0.4.13",
        minimum="0.4.9",
        environments=("vllm-cuda", "quantize-cuda", "all-cpu"),
    ),
    Tool(
        name="torch",
        title="PyTorch (calibrate)",
        distributions=("torch",),
        tested="2.13.0",
        minimum="2.3",
        environments=("vllm-cuda", "quantize-cuda", "all-cpu"),
    ),
    Tool(
        name="ray",
        title="Ray (several machines)",
        distributions=("ray",),
        tested="2.60.0",
        minimum="2.40",
        environments=("all-cpu",),
    ),
    Tool(
        name="guidellm",
        title="GuideLLM (verify)",
        distributions=("guidellm",),
        tested="0.8.1",
        minimum="0.8",
        environments=("guidellm-cpu",),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTool:
    """A tool in an environment."""

    tool: Tool
    python: Path
    version: str
    where: str
    """Why we looked there: variable, own environment, this interpreter, PATH."""

    @property
    def too_old(self) -> bool:
        return numbers(self.version) < numbers(self.tool.minimum)


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version, to compare with: `0.14.0.1` → (0, 14, 0, 1)."""
    return tuple(int(part) for part in re.findall(r"[0-9]{1,9}", re.split(r"[^0-9.]", version)[0]))


def find_tool_row(name: str) -> Tool:
    """A row of TOOLS by name."""
    for tool in TOOLS:
        if tool.name == name:
            return tool
    raise InputError(f"unknown tool '{name}'; known: {', '.join(tool.name for tool in TOOLS)}")


def root() -> Path:
    """The folder of our own environments: QUANTADVISE_TOOLS_DIR, else the user's cache folder."""
    chosen = os.environ.get("QUANTADVISE_TOOLS_DIR")
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "quantadvise" / "tools"


_LIST_VERSIONS = """
import importlib.metadata as m, json
print(json.dumps({d.name.lower().replace("_", "-"): d.version for d in m.distributions() if d.name}))
"""
_versions_cache: dict[Path, Mapping[str, str]] = {}


def versions(python: Path) -> Mapping[str, str]:
    """Distributions of an interpreter by normalised name; empty when it does not run."""
    if python not in _versions_cache:
        found = ask_program.answer([str(python), "-c", _LIST_VERSIONS])
        try:
            rows = json.loads(found or "")
        except (ValueError, RecursionError):
            return {}
        if not isinstance(rows, dict):
            return {}
        _versions_cache[python] = {
            str(name): version
            for name, version in rows.items()
            if isinstance(version, str) and re.match(r"\d", version) and version.isprintable()
        }
    return _versions_cache[python]


def _candidates(tool: Tool) -> list[tuple[Path, str]]:
    variable = f"QUANTADVISE_{tool.name.upper()}_PYTHON"
    chosen = os.environ.get(variable)
    if chosen:
        return [(Path(chosen).expanduser(), variable)]
    own = [
        (root() / name / "bin" / "python", f"environment {name}")
        for name in tool.environments
        if (root() / name / MARKER).is_file()
    ]
    own.append((Path(sys.executable), "this interpreter"))
    on_path = shutil.which("python3")
    if on_path:
        own.append((Path(on_path), "PATH"))
    return own


def find(name: str) -> FoundTool | None:
    """The first environment that has the tool, an old version rather than none."""
    tool = find_tool_row(name)
    found: list[FoundTool] = []
    for python, where in _candidates(tool):
        if not python.exists():
            continue
        have = versions(python)
        for distribution in tool.distributions:
            version = have.get(distribution.lower().replace("_", "-"))
            if version is not None:
                found.append(FoundTool(tool=tool, python=python, version=version, where=where))
                break
    current = [one for one in found if not one.too_old]
    best = current or found
    return best[0] if best else None


def require(name: str) -> FoundTool:
    """The tool, new enough. Raises MissingToolError with the one command that installs it."""
    tool = find_tool_row(name)
    found = find(name)
    remedy = f"run: quantadvise tools install {name}"
    if found is None:
        raise MissingToolError(f"{tool.title} is not installed; {remedy}")
    if found.too_old:
        raise MissingToolError(
            f"{found.python}: {tool.title} {found.version} is older than {tool.minimum}; {remedy}"
        )
    return found


def has_cuda() -> bool:
    """Whether an NVIDIA driver answers on this machine."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return False
    return "GPU" in (ask_program.answer([program, "-L"]) or "")
