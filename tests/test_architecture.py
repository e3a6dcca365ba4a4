"""Imports point back along one sentence: spec says what exists, record what was seen, measure goes and looks,
cost learns and predicts, advise decides, report and cli show."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "advisor"

MAY_IMPORT = {
    "errors": set(),
    "units": set(),
    "data": set(),
    "spec": set(),
    "record": {"spec"},
    "measure": {"spec", "record"},
    "cost": {"spec", "record"},
    "advise": {"spec", "record", "cost"},
    "report": {"spec", "record", "cost", "advise"},
}
"""Beside itself and the three that all may use; the edges (cli*, measure_cli, ui) may import all."""

FOR_ALL = {"errors", "units", "data"}

EXCEPTIONS = {("report/recipe.py", "advisor.spec.formats.recipes")}
"""The recipes are facts (how a format is made); measure only is where they are kept."""

HEAVY = {
    "torch",
    "vllm",
    "sklearn",
    "scipy",
    "pandas",
    "matplotlib",
    "llmcompressor",
    "lm_eval",
    "ray",
    "vl_convert",
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Every `advisor…` module that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "advisor")
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "advisor":
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(module: str) -> str | None:
    """`advisor.spec.hardware.gpu` → `spec`; None for the package itself or a name in it."""
    names = module.split(".")
    return names[1] if len(names) > 1 else None


def home(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_back_along_the_sentence(path: Path) -> None:
    own = home(path)
    if own not in MAY_IMPORT:
        assert own.startswith(("cli", "measure_cli", "ui", "__")), f"{own} has no place in the sentence"
        return
    allowed = MAY_IMPORT[own] | FOR_ALL | {own}
    name = str(path.relative_to(PACKAGE))
    wrong = {
        module
        for module in imported(path)
        if part(module) in (MAY_IMPORT.keys() | {"cli"}) - allowed
        and not any(name == file and module.startswith(known) for file, known in EXCEPTIONS)
    }
    assert not wrong, f"{name} imports {sorted(wrong)}"


def test_nothing_below_the_command_line_imports_it() -> None:
    for path in modules():
        if home(path) in MAY_IMPORT:
            assert not any((part(module) or "").startswith("cli") for module in imported(path)), path


def test_nothing_below_the_command_line_and_the_reports_prints() -> None:
    speakers = ("cli", "measure_cli", "__main__", "report")
    for path in modules():
        name = str(path.relative_to(PACKAGE))
        if name.startswith((*speakers, "measure")):
            continue
        calls = [
            node
            for part_of_file in ast.parse(path.read_text(encoding="utf-8")).body
            if not _is_script_part(part_of_file)
            for node in ast.walk(part_of_file)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("print", "exit")
        ]
        assert not calls, f"{name} prints"


def _is_script_part(statement: ast.stmt) -> bool:
    """`if __name__ == "__main__":`, for whoever runs the file itself."""
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after `code`."""
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split()}


def test_starting_the_command_line_loads_nothing_heavy() -> None:
    loaded = loaded_after("import advisor.cli.app")
    assert not loaded & (HEAVY | {"numpy", "pydantic", "yaml"})


def test_importing_the_library_loads_nothing_at_all() -> None:
    assert {name for name in loaded_after("import advisor") if name == "advisor"} == {"advisor"}
    script = "import sys, advisor; print([m for m in sys.modules if m.startswith('advisor')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['advisor']"


def test_the_public_names_are_all_there() -> None:
    import advisor

    for name in advisor.__all__:
        assert getattr(advisor, name) is not None
    assert set(advisor.__all__) <= set(dir(advisor))
    with pytest.raises(AttributeError, match="has no attribute 'recomend'"):
        advisor.recomend  # noqa: B018


def test_the_lazy_names_and_the_typed_ones_are_the_same() -> None:
    """What a type checker sees under TYPE_CHECKING is what `__getattr__` gives."""
    source = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    typed = {
        (alias.name, node.module)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("advisor.")
        for alias in node.names
    }
    import advisor

    assert typed == set(advisor._HOME.items())
    assert sorted(advisor._HOME) == advisor.__all__
