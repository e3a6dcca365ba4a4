"""No name can run: every written script is run with hostile names and programs that only record."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from advisor.errors import InputError
from advisor.report.manifests import texts
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.read_profile import load_workload
from advisor.spec.workloads.workload import Arrival, Lengths, Load
from tests.advise.builders import deployment, llama_8b, prediction, workload

HOSTILE = (
    "$(touch pwned)",
    "`touch pwned`",
    '"; touch pwned; "',
    "'; touch pwned; '",
    "a && touch pwned",
    "x\\",
    '"""; import os; os.system("touch pwned"); """',
    "%s{0}{name}",
    "-rf --help",
    "*?[a]~!#",
    "naïve · 模型",
)
RECORDER = """#!{python}
import json, os, sys
with open(os.environ["RECORDED"], "a", encoding="utf-8") as file:
    print(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]), file=file)
if os.path.basename(sys.argv[0]) == "curl":
    print('{{"version": "0.32.0"}}')
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with every program that the scripts call, each of which records how it was called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("vllm", "guidellm", "lm_eval", "docker", "python", "curl", "ray"):
        program = folder / name
        program.write_text(RECORDER.format(python=sys.executable))
        program.chmod(0o755)
    return folder


def written(name: str, folder: Path) -> dict[str, str]:
    """The folder for a model of that name whose checkpoint nobody published; lengths that must be drawn."""
    lengths = Lengths(kind="lognormal", mean=512, std=128, low=1, high=1024)
    load = Load(input_tokens=lengths, output_tokens=lengths, arrival=Arrival(kind="rate", value=2.0))
    under = replace(workload(arrival=load.arrival), name=name, load=load)
    of = prediction(deployment(model=replace(llama_8b(), name=name, hf_id=name), fmt="int8"), under=under)
    made = texts(of, under)
    for path, text in made.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return made


@pytest.mark.parametrize("name", HOSTILE)
def test_no_script_runs_a_name(name: str, tmp_path: Path, programs: Path) -> None:
    folder, recorded = tmp_path / "written", tmp_path / "calls.jsonl"
    made = written(name, folder)
    scripts = [path for path in made if path.endswith(".sh")]
    assert {
        "serve.sh",
        "docker.sh",
        "verify/vllm_bench.sh",
        "verify/guidellm.sh",
        "verify/lm_eval.sh",
    } <= set(scripts)
    environment = {**os.environ, "PATH": f"{programs}:/usr/bin:/bin", "RECORDED": str(recorded)}
    for script in scripts:
        done = subprocess.run(
            ["bash", folder / script], env={**environment, "BASELINE_URL": "http://127.0.0.1:1"},
            capture_output=True, text=True, cwd=folder, timeout=30,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}: {done.stderr}"
    assert list(tmp_path.rglob("pwned")) == []
    calls = [json.loads(line) for line in recorded.read_text(encoding="utf-8").splitlines()]
    assert {call[0] for call in calls} >= {"vllm", "docker", "guidellm", "lm_eval", "curl"}
    bench = next(call for call in calls if call[:3] == ["vllm", "bench", "serve"])
    assert f"base_model={name}" in bench
    score = [call for call in calls if call[0] == "lm_eval"]
    assert any(name in word for call in score for word in call)


@pytest.mark.parametrize("name", HOSTILE)
def test_every_text_says_the_name_in_its_own_language(name: str, tmp_path: Path) -> None:
    made = written(name, tmp_path)
    for path, text in made.items():
        if path.endswith((".yaml", ".yml")):
            assert list(yaml.safe_load_all(text))
        if path.endswith(".json"):
            json.loads(text)
        if path.endswith(".py"):
            tree = ast.parse(text)
            assert not any(
                isinstance(node, ast.Attribute) and node.attr == "system" for node in ast.walk(tree)
            ), path
    script = ast.parse(made["checkpoint/make_checkpoint.py"])
    assert name in {node.value for node in ast.walk(script) if isinstance(node, ast.Constant)}


@pytest.mark.parametrize("name", ["two\nlines", "a\x1b[31mred", "nul\x00", "\u202eright to left"])
def test_control_characters_are_refused_at_the_door(name: str, tmp_path: Path) -> None:
    config = json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": "llama"})
    try:
        (tmp_path / name).mkdir()
    except (OSError, ValueError):
        pytest.skip("no folder can be called so")
    (tmp_path / name / "config.json").write_text(config)
    with pytest.raises(InputError):
        find_model(str(tmp_path / name))
    profile = tmp_path / f"{name}.yaml"
    profile.write_text("input_tokens: 512\noutput_tokens: 128\nload: single\n")
    with pytest.raises(InputError, match="has control characters or line breaks; rename it"):
        load_workload(str(profile))
