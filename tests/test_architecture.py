"""Imports point back along one sentence: spec says what exists, record what was measured, measure goes and
looks, cost learns and predicts, advise decides, report and cli show. Inside them rooms are in order, too."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "advisor"

SPEC = {"spec"}
COST = {
    "cost/array_table",
    "cost/estimate_with_interval",
    "cost/step",
    "cost/serving",
    "cost/predict",
    "cost/quality",
}
"""What the layers that decide and show may see of cost: an answer imports no evaluation."""
ADVISE = {"advise"}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "units": set(),
    "shipped_files": set(),
    "atomic_files": set(),
    "version": set(),
    # what exists
    "spec/reading": set(),
    "spec/parallelism": set(),
    "spec/models": {"spec/formats", "spec/reading"},
    "spec/models/architectures": {"spec/models", "spec/reading"},
    "spec/hardware": {"spec/reading"},
    "spec/formats": {"spec/hardware", "spec/reading"},
    "spec/engines": {"spec/formats", "spec/hardware", "spec/models", "spec/parallelism", "spec/reading"},
    "spec/metrics": set(),
    "spec/api_price": {"spec/reading"},
    "spec/workloads": {"spec/api_price", "spec/engines", "spec/metrics", "spec/reading"},
    "spec/workloads/conversations": {"spec/reading", "spec/workloads"},
    "spec/workloads/traces": {"spec/reading", "spec/workloads", "spec/workloads/conversations"},
    "spec": {"spec"},
    # what was measured
    "record": SPEC,
    "record/checks": {"record", *SPEC},
    "record/importers": {"record", "record/checks", *SPEC},
    "record/importers/tools": {"record/importers", "record", *SPEC},
    # goes and looks
    "measure/tools": SPEC,
    "measure/state": {"measure/tools", *SPEC},
    "measure/steps": {"measure/state", "measure/tools", "record", *SPEC},
    "measure/steps/workers": set(),  # they run in the tools' own environments
    "measure/execution": {"measure/state", "measure/steps", "measure/tools", "record", *SPEC},
    "measure": {"measure", "record", *SPEC},
    # learns and predicts
    "cost/array_table": set(),
    "cost/normal_quantiles": {"cost/array_table"},
    "cost/estimate_with_interval": set(),
    "cost/kernels": {"cost/array_table", "record", *SPEC},
    "cost/step": {"cost/array_table", "cost/kernels", *SPEC},
    "cost/serving": {"cost/array_table", "cost/normal_quantiles", "cost/step", *SPEC},
    "cost/serving/engines": {"cost/array_table", "cost/serving"},
    "cost/simulation": {"cost/array_table", "cost/serving", "cost/step", *SPEC},
    "cost/fitting": {"cost/array_table", "cost/kernels", "cost/serving", "cost/step", "record", *SPEC},
    "cost/uncertainty": {"cost/array_table", "cost/normal_quantiles", "cost/step", *SPEC},
    "cost/fit_file": {"cost/array_table", "cost/fitting", "cost/step", "cost/uncertainty", "record", *SPEC},
    "cost/fit_report": set(),
    "cost/gpu_from_timed_kernels": {"cost/array_table", "cost/fit_file", "cost/step", "record", *SPEC},
    "cost/predict": {
        *("cost/array_table", "cost/estimate_with_interval", "cost/fit_file", "cost/fitting", "cost/serving"),
        *("cost/simulation", "cost/step", "cost/uncertainty", *SPEC),
    },
    "cost/evaluation": {
        *(
            "cost/array_table",
            "cost/fit_report",
            "cost/fitting",
            "cost/serving",
            "cost/step",
            "cost/uncertainty",
        ),
        *("record", *SPEC),
    },
    "cost/learn_from_own_records": {
        *("cost/array_table", "cost/fit_file", "cost/fitting", "cost/step", "cost/uncertainty"),
        *("record", *SPEC),
    },
    "cost/learn": {
        *("cost/array_table", "cost/evaluation", "cost/fit_file", "cost/fit_report", "cost/fitting"),
        *("cost/learn_from_own_records", "cost/step", "cost/uncertainty", "record", *SPEC),
    },
    "cost/quality/fitting": {"cost/array_table", "cost/uncertainty", "cost/quality", "record", *SPEC},
    "cost/quality": {"cost/array_table", "cost/estimate_with_interval", "cost/uncertainty", "record", *SPEC},
    "cost": set(),
    "display_text": {"cost/estimate_with_interval", *SPEC},
    # decides
    "advise/choose": {*COST, "cost/uncertainty", "record", "display_text", *SPEC},
    "advise/certainty": {"advise/choose", *COST, "cost/uncertainty", "display_text", *SPEC},
    "advise/sensitivity": {
        *("advise/certainty", "advise/choose", *COST, "cost/uncertainty", "display_text", *SPEC),
    },
    "advise/measuring": {
        *("advise/certainty", "advise/choose", *COST, "cost/uncertainty", "display_text", *SPEC),
    },
    "advise/mixed": {"advise/certainty", "advise/choose", *COST, "display_text", *SPEC},
    "advise/compare": {
        "advise/certainty",
        "advise/choose",
        *COST,
        "cost/uncertainty",
        "record",
        "display_text",
        *SPEC,
    },
    "advise": {"advise", "cost", "record", "display_text", *SPEC},
    # shows
    "report/commands": {*COST, "display_text", *SPEC},
    "report/documents": {"report/commands", *ADVISE, *COST, "display_text", *SPEC},
    "report/terminal": {
        "cost/fit_report",
        "report/commands",
        "report/documents",
        *ADVISE,
        *COST,
        "display_text",
        *SPEC,
    },
    "report/terminal/mixed": {"report/commands", "report/terminal", *ADVISE, *COST, "display_text", *SPEC},
    "report/manifests": {
        *("report/commands", "report/documents", "report/terminal", *ADVISE, *COST, "display_text", *SPEC),
    },
    "report/html/assets": set(),
    "report/html/elements": {"report/html/assets", "report/terminal", *ADVISE, *COST, "display_text", *SPEC},
    "report/html/charts": {"report/html/elements", "report/terminal", *ADVISE, *COST, "display_text", *SPEC},
    "report/html/tables": {
        *(
            "report/documents",
            "report/html/elements",
            "report/terminal",
            *ADVISE,
            *COST,
            "display_text",
            *SPEC,
        ),
    },
    "report/html": {"report", *ADVISE, *COST, "display_text", *SPEC},
    "report": {"report", *ADVISE, "cost", "display_text", *SPEC},
    "ui": {"record/importers", "report", *ADVISE, *COST, "display_text", *SPEC},
    "mcp": {"report/documents", *ADVISE, "display_text", *SPEC},
}
"""What each folder may import beside itself and `FOR_ALL`; a name stands for all below it.

Files in the root of cost stand for themselves: every room uses `estimate_with_interval`, and `learn` uses
every room. The command line, the entry and the library's own surface put all of it together and may import
anything.
"""

FOR_ALL = {"errors", "units", "shipped_files", "atomic_files", "version"}
ASSEMBLY = ("cli", "__main__", "__init__")
MAX_MODULES, MAX_IN_ROOT = 16, 10
MAX_FILE_LINES, MAX_FUNCTION_LINES = 350, 60
"""Of a function its code: an option or argument more makes no function harder to read."""

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
    "mcp",
    "gpuhunt",
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def names() -> dict[str, Path]:
    """Dotted name below `advisor` → file; a package by its folder."""
    made = {}
    for path in modules():
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        made[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return made


def imported(path: Path) -> Iterator[str]:
    """Every module of the package that a file imports, wherever in the file, as `spec.models.model`."""
    known = names()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in found:
            inside = name.removeprefix("advisor.")
            if inside != name:
                yield inside if inside in known else inside.rpartition(".")[0]


def unit(path: Path) -> str:
    """The entry of `MAY_IMPORT` that a file belongs to: itself where it is named there, or its folder."""
    inside = path.relative_to(PACKAGE).with_suffix("")
    return str(inside) if str(inside) in MAY_IMPORT else str(inside.parent)


def is_assembly(path: Path) -> bool:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py") in ASSEMBLY


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_back_along_the_sentence(path: Path) -> None:
    if is_assembly(path):
        return
    own = unit(path)
    assert own in MAY_IMPORT, f"{own} has no place in the sentence"
    allowed = MAY_IMPORT[own] | FOR_ALL | {own}
    known = names()
    wrong = set()
    for module in imported(path):
        target = unit(known[module]) if module else "__init__"
        if not any(target == name or target.startswith(f"{name}/") for name in allowed):
            wrong.add(module)
    assert not wrong, f"{path.relative_to(PACKAGE)} imports {sorted(wrong)}"


def test_every_folder_is_named_and_none_is_crowded() -> None:
    folders: dict[Path, int] = {}
    for path in modules():
        if path.name != "__init__.py":
            folders[path.parent] = folders.get(path.parent, 0) + 1
    for folder, count in folders.items():
        inside = str(folder.relative_to(PACKAGE))
        assert count <= (MAX_IN_ROOT if folder == PACKAGE else MAX_MODULES), f"{inside}: {count} modules"
        assert (
            folder == PACKAGE
            or inside.startswith("cli")
            or inside
            in {
                *MAY_IMPORT,
                *(str(Path(name).parent) for name in MAY_IMPORT),
            }
        ), inside


def test_no_file_and_no_function_is_too_long_to_be_read_at_once() -> None:
    for path in modules():
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= MAX_FILE_LINES, path.relative_to(PACKAGE)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                first = node.body[1 if ast.get_docstring(node) and len(node.body) > 1 else 0]
                lines = (node.end_lineno or first.lineno) - first.lineno + 1
                assert lines <= MAX_FUNCTION_LINES, f"{path.relative_to(PACKAGE)}: {node.name}: {lines} lines"


def test_no_import_goes_round_in_a_circle() -> None:
    """Lazy imports and those for types included."""
    known = names()
    graph = {name: {m for m in imported(path) if m and m != name} for name, path in known.items()}
    state: dict[str, int] = {}

    def visit(name: str, way: tuple[str, ...]) -> None:
        state[name] = 1
        for other in sorted(graph[name]):
            assert state.get(other) != 1, " → ".join([*way, name, other])
            if other not in state:
                visit(other, (*way, name))
        state[name] = 2

    for name in sorted(graph):
        if name not in state:
            visit(name, ())


def test_every_folder_says_what_is_in_it() -> None:
    folders = {path.parent for path in modules()}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]
    for path in modules():
        if path.name == "__init__.py":
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            assert len(text.split()) >= 4, f"{path.relative_to(PACKAGE)} is no map of its folder"


def test_what_a_map_names_is_in_its_folder() -> None:
    """A word in backticks is a module, a folder, or a name in one of them."""
    for path in modules():
        if path.name != "__init__.py":
            continue
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        there = {p.stem for p in path.parent.iterdir()}
        code = " ".join(p.read_text(encoding="utf-8") for p in path.parent.glob("*.py") if p != path)
        named = set(re.findall(r"`([a-z_]+)/?`", text))
        gone = {name for name in named - there if not re.search(rf"\b{name}\b", code)}
        assert not gone, f"{path.relative_to(PACKAGE)} names {sorted(gone)}"


def test_nothing_below_the_command_line_imports_it() -> None:
    for path in modules():
        if not is_assembly(path):
            assert not any(module.startswith("cli") for module in imported(path)), path


def test_nothing_below_the_command_line_and_the_reports_prints() -> None:
    speakers = ("cli", "__main__", "report")
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
    loaded = loaded_after("from advisor.cli.app import app_for; app_for()")
    assert not loaded & (HEAVY | {"numpy", "pydantic", "yaml"})


@pytest.mark.parametrize(
    "code",
    [
        "from advisor.advise.api import recommend; recommend('Llama-3.1-8B-Instruct', 'chat', gpus=['H100'])",
        "from advisor.cost.learn_from_own_records import learn_more",
        "from advisor.advise.compare.deployments import compare",
        "from advisor.advise.sensitivity.crossover import crossover",
    ],
)
def test_an_answer_and_learning_from_own_records_need_neither_scikit_learn_nor_scipy(code: str) -> None:
    assert not loaded_after(code) & {"sklearn", "scipy"}


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
