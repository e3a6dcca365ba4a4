"""What a wheel carries, and that it answers without the checkout beside it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
if sys.version_info >= (3, 11):
    import tomllib
else:  # pragma: no cover
    tomllib = pytest.importorskip("tomli")
SCHEMA = "advisor/report/documents/schema"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [built] = folder.glob("*.whl")
    return built


def test_a_wheel_carries_profiles_measurements_catalogs_and_schemas(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = [
        *(f"advisor/_data/profiles/{path.name}" for path in (ROOT / "profiles").glob("*.yaml")),
        *(f"advisor/_data/measurements/{path.name}" for path in (ROOT / "measurements").glob("*.*")),
        *(f"advisor/spec/catalog/{path.name}" for path in (ROOT / "advisor/spec/catalog").glob("*.yaml")),
        *(
            f"advisor/report/documents/schema/{path.name}"
            for path in (ROOT / "advisor/report/documents/schema").glob("*.json")
        ),
        "advisor/_data/profiles/schema/profile.schema.json",
        "advisor/py.typed",
    ]
    assert [name for name in shipped if name not in names] == []
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_a_wheel_answers_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """Unpacked as pip does, and found before the checkout that these tests run from."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    script = (
        "import advisor, sys; from advisor.__main__ import main;"
        f"assert advisor.__file__.startswith({str(tmp_path)!r}), advisor.__file__; main()"
    )
    arguments = ("recommend", "Llama-3.1-8B-Instruct", "-w", "docstring", "--gpu", "A100", "-o", "csv")
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("rank,model,format")


def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_core_install_is_small() -> None:
    needs = {re.split(r"[<>=\[]", line)[0] for line in project()["project"]["dependencies"]}  # type: ignore[index]
    assert needs == {"typer", "rich", "pyyaml", "numpy"}


def test_every_dependency_has_a_floor() -> None:
    extras = project()["project"]["optional-dependencies"]  # type: ignore[index]
    lines = [*project()["project"]["dependencies"], *extras["vllm"], *extras["quantize"], *extras["evaluate"]]  # type: ignore[index]
    assert [line for line in lines if ">=" not in line] == []


def test_extras_that_cannot_live_together_are_declared_so() -> None:
    conflicts = project()["tool"]["uv"]["conflicts"]  # type: ignore[index]
    assert [{"extra": "vllm"}, {"extra": "quantize"}] in conflicts


def readme_commands() -> list[str]:
    """The commands of the README's section on setting up."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)\n```$", text, flags=re.MULTILINE | re.DOTALL)


def test_ci_runs_the_readmes_test_command() -> None:
    [tests] = [command for command in readme_commands() if "pytest" in command]
    assert tests in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_readme_names_no_machine() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"/(work|opt|home|root|tmp)/", text), name


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_benchmarks_find_what_they_import(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import runpy; runpy.run_path({str(path)!r}, run_name='looked at')"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
