"""What is written, before the real programs: their own parsers, and llm-compressor on a tiny model."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from advisor.measure.tools import envs, install
from advisor.report.manifests import texts, write_all
from advisor.report.manifests.verify_figures import LM_EVAL_TASKS, OPEN_LLM
from advisor.spec.engines.engine import Engine
from advisor.spec.formats.recipes import RECIPES
from advisor.spec.workloads.workload import Arrival, Goodput, LatencyLimit, Lengths
from tests.advise.builders import deployment, llama_8b, prediction, workload

pytestmark = pytest.mark.heavy

MAKER = Path(__file__).parents[2] / "measure" / "tiny_model.py"

PARSE = """
import importlib, json, sys
from vllm.utils.argparse_utils import FlexibleArgumentParser
asked = json.load(open(sys.argv[1]))
sys.argv = ["vllm", "bench", "serve"]  # `bench` makes its parsers only where it is called
parser = FlexibleArgumentParser()
commands = parser.add_subparsers(required=True, dest="subparser")
for name in ("serve", "benchmark.main"):
    for command in importlib.import_module("vllm.entrypoints.cli." + name).cmd_init():
        command.subparser_init(commands)
out = []
for words in asked:
    found = vars(parser.parse_args(words))
    out.append({k: v for k, v in found.items() if isinstance(v, (str, int, float, list))})
json.dump(out, open("parsed.json", "w"))
"""


@pytest.fixture(autouse=True)
def _tools(tools: Path) -> None:
    """Every test here needs the real tools."""


def environment(tool: str) -> Path:
    return envs.require(tool).python


def run(python: Path, *words: object, cwd: Path, timeout_s: float = 600) -> str:
    quiet = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "OMP_NUM_THREADS": "1"}
    argv = [str(python), *(str(word) for word in words)]
    done = subprocess.run(
        argv, cwd=cwd, env=os.environ | quiet, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, f"{argv}: {done.stderr[-3000:]}"
    return done.stdout


def parsed(commands: list[list[str]], folder: Path) -> list[dict[str, Any]]:
    """What vLLM's own command line makes of each `vllm …`, without starting anything."""
    python = environment("vllm")
    (folder / "commands.json").write_text(json.dumps(commands), encoding="utf-8")
    (folder / "parse.py").write_text(PARSE, encoding="utf-8")
    run(python, "parse.py", "commands.json", cwd=folder)
    found: list[dict[str, Any]] = json.loads((folder / "parsed.json").read_text(encoding="utf-8"))
    return found


def words(script: str, **values: str) -> list[str]:
    """The command of a script after `vllm`, its variables replaced."""
    text = script.split("exec ")[1].replace("\\\n", " ").replace('"$@"', "")
    text = text.replace('"${headless[@]}"', "--headless")
    for name, value in values.items():
        text = re.sub(rf'"?\${name}"?', value, text)
    return shlex.split(text)[1:]


def test_vllm_takes_the_configuration_and_the_commands(tmp_path: Path) -> None:
    engine = Engine(max_num_seqs=64, max_num_batched_tokens=4096, gpu_memory_utilization=0.85)
    model = replace(llama_8b(), name="my-model", hf_id="me/my-model")
    of = deployment(fmt="int4", tensor_parallel=2, kv_format="fp8", model=model)
    of = replace(of, engine=replace(engine, prefix_caching=True))
    limits = (LatencyLimit(metric="ttft", statistic="p99.9", max_ms=500.0),)
    loads = [
        workload(
            arrival=Arrival(kind="rate", value=2.0, burstiness=0.5),
            limits=limits,
            goodput=Goodput(ttft_ms=500.0),
        ),
        workload(arrival=Arrival(kind="concurrency", value=8)),
    ]
    uniform, drawn = Lengths.uniform(100, 300), Lengths.lognormal(512, 128)
    loads += [replace(loads[0], load=replace(loads[0].load, input_tokens=n)) for n in (uniform, drawn)]
    sets = [texts(prediction(of, under=under), under) for under in loads]
    far = texts(prediction(deployment(gpu="H100-SXM", tensor_parallel=16), under=loads[0]), loads[0])

    (tmp_path / "vllm.yaml").write_text(sets[0]["vllm.yaml"], encoding="utf-8")
    commands = [["serve", "--config", "vllm.yaml"], words(sets[0]["serve.sh"])]
    commands += [words(far["serve.sh"], rank="1", head="10.0.0.1")]
    commands += [
        words(one["verify/vllm_bench.sh"], BASE_URL="http://localhost:8000", version="0.32.0") for one in sets
    ]
    by_file, by_words, node, first, closed, ranged, custom = parsed(commands, tmp_path)

    different = {"config", "model_tag", "model"}
    assert {k: v for k, v in by_file.items() if k not in different} == {
        k: v for k, v in by_words.items() if k not in different
    }
    assert by_words["tensor_parallel_size"] == 2
    assert by_words["max_model_len"] == 768
    assert by_words["kv_cache_dtype"] == "fp8"
    assert by_words["max_num_seqs"] == 64
    assert by_words["gpu_memory_utilization"] == 0.85
    assert by_words["enable_prefix_caching"] is True
    assert by_words["served_model_name"] == ["my-model-quantized.w4a16"]
    assert (node["tensor_parallel_size"], node["pipeline_parallel_size"]) == (8, 2)
    assert (node["nnodes"], node["node_rank"], node["master_addr"]) == (2, 1, "10.0.0.1")
    assert node["headless"] is True
    assert (first["request_rate"], first["burstiness"], first["goodput"]) == (2.0, 0.5, ["ttft:500"])
    assert first["metric_percentiles"] == "50,90,95,99,99.9"
    assert (first["random_input_len"], first["random_output_len"]) == (512, 256)
    assert "engine_version=0.32.0" in first["metadata"]
    assert "base_model=me/my-model" in first["metadata"]
    assert closed["max_concurrency"] == 8
    assert ranged["random_range_ratio"] in ({"input": 0.5, "output": 0.0}, '{"input": 0.5, "output": 0.0}')
    assert (custom["dataset_name"], custom["custom_output_len"]) == ("custom", -1)


def test_vllm_takes_every_row_of_an_answer(tmp_path: Path) -> None:
    """Every format on every GPU that ranks, published checkpoints and our own, by file and by words."""
    from advisor import recommend
    from advisor.spec.workloads.read_profile import load_workload

    under = load_workload("batch")
    commands: list[list[str]] = []
    wanted: list[tuple[str, int, str]] = []
    seen: set[str] = set()
    for name in ("Llama-3.1-8B-Instruct", "Mistral-7B-v0.3", "Qwen3-30B-A3B"):
        for row in recommend(name, under).ranked:
            written = texts(row, under)
            of = row.deployment
            if "vllm.yaml" not in written or written["vllm.yaml"].split("\n", 2)[2] in seen:
                continue  # another GPU's row with the same settings
            seen.add(written["vllm.yaml"].split("\n", 2)[2])
            file = f"{len(seen)}.yaml"
            (tmp_path / file).write_text(written["vllm.yaml"], encoding="utf-8")
            commands += [["serve", "--config", file], words(written["serve.sh"])]
            kv = "fp8" if of.kv_format == "fp8" else "auto"
            wanted.append((of.format.name, of.tensor_parallel, kv))
    found = parsed(commands, tmp_path)
    assert {fmt for fmt, _, _ in wanted} >= {"bf16", "fp8", "int8", "int4", "nvfp4", "mxfp4", "w4a8-fp8"}
    different = {"config", "model_tag", "model"}
    for (fmt, degree, kv), by_file, by_words in zip(wanted, found[::2], found[1::2], strict=True):
        assert {k: v for k, v in by_file.items() if k not in different} == {
            k: v for k, v in by_words.items() if k not in different
        }, fmt
        assert (by_words["tensor_parallel_size"], by_words["kv_cache_dtype"]) == (degree, kv), fmt
        assert by_file["model"] == by_words["model_tag"], fmt


def test_lm_eval_knows_every_task_and_option(tmp_path: Path) -> None:
    python = environment("evaluate")
    listed = (
        "import json, sys; from lm_eval.tasks import TaskManager; have = set(TaskManager().all_tasks); "
        "print(json.dumps([name for name in json.loads(sys.argv[1]) if name not in have]))"
    )
    names = [*LM_EVAL_TASKS.values(), OPEN_LLM]
    assert json.loads(run(python, "-c", listed, json.dumps(names), cwd=tmp_path).splitlines()[-1]) == []
    text = run(python, "-m", "lm_eval", "run", "--help", cwd=tmp_path)
    for option in ("--model", "--model_args", "--tasks", "--output_path", "--confirm_run_unsafe_code"):
        assert option in text


MADE = {
    # bits and type of weights, bits of activations (None = 16), the GPU that it is made for
    "fp8": (8, "float", 8, "H100-SXM"),
    "int8": (8, "int", 8, "A6000"),
    "int4": (4, "int", None, "A6000"),
    "int8-w8a16": (8, "int", None, "A6000"),
    "w4a8-fp8": (4, "int", 8, "H100-SXM"),
    "nvfp4": (4, "float", 4, "B200"),
    "mxfp4": (4, "float", 4, "B200"),
}


def test_every_format_that_has_a_recipe_is_made_here() -> None:
    assert set(MADE) == {recipe.format for recipe in RECIPES}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every format's script, as it is written, run on one tiny model: a folder of checkpoints."""
    python, root = environment("quantize"), tmp_path_factory.mktemp("made")
    run(environment("torch"), MAKER, root / "tiny", "0", cwd=root)
    rows = [{"instruction": f"say {n}", "input": "", "output": f"{n} it is"} for n in range(32)]
    data = root / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    model = replace(llama_8b(), name="my-model", hf_id="me/my-model")
    for fmt, (_, _, _, gpu) in MADE.items():
        under = workload()
        write_all(prediction(deployment(fmt=fmt, gpu=gpu, model=model), under=under), under, root / fmt)
    # One interpreter: starting llm-compressor takes longer than a tiny checkpoint.
    code = """
import os, runpy, sys
data, model, *formats = sys.argv[1:]
os.environ["CALIBRATION_DATA"] = data
for fmt in formats:
    sys.argv = ["make_checkpoint.py", model, f"{fmt}/made"]
    runpy.run_path(f"{fmt}/checkpoint/make_checkpoint.py", run_name="__main__")
"""
    run(python, "-c", code, data, root / "tiny" / "model", *MADE, cwd=root)
    return root


@pytest.mark.parametrize("fmt", MADE)
def test_llm_compressor_makes_the_checkpoint_by_the_recipe(fmt: str, made: Path) -> None:
    bits, kind, activation_bits, _ = MADE[fmt]
    config = json.loads((made / fmt / "made" / "config.json").read_text(encoding="utf-8"))[
        "quantization_config"
    ]
    group = config["config_groups"]["group_0"]
    activations = group["input_activations"]
    assert (group["weights"]["num_bits"], group["weights"]["type"]) == (bits, kind)
    assert (None if activations is None else activations["num_bits"]) == activation_bits
    assert config["ignore"] == ["lm_head"]


def test_guidellm_takes_the_commands(tmp_path: Path) -> None:
    """GuideLLM's own parser and models; its environment is made where it is not there (1.4 GB)."""
    if envs.find("guidellm") is None:
        install.install("guidellm-cpu", say=print)
    code = """
import asyncio, json, sys
import guidellm.entrypoints as entry
from guidellm.cli import run

taken = []
async def take(args, **rest):
    taken.append(json.loads(args.model_dump_json())["spec"])
entry.benchmark_generative_text = take
for words in json.loads(sys.argv[1]):
    run.main(words, standalone_mode=False)
json.dump(taken, open("taken.json", "w"))
"""
    arrivals = [
        Arrival(kind="single"),
        Arrival(kind="concurrency", value=32),
        Arrival(kind="rate", value=2.5),
        Arrival(kind="maximum"),
    ]
    drawn = Lengths.lognormal(512, 128, high=1024)
    inputs = [drawn, Lengths.constant(512), Lengths.uniform(100, 300), Lengths.empirical([64, 128, 512])]
    commands = []
    for arrival, lengths in zip(arrivals, inputs, strict=True):
        under = workload(arrival=arrival)
        under = replace(under, load=replace(under.load, input_tokens=lengths))
        script = texts(prediction(under=under), under)["verify/guidellm.sh"]
        commands.append(words(script.replace("$BASE_URL", "http://localhost:8000"))[1:])
    run(environment("guidellm"), "-c", code, json.dumps(commands), cwd=tmp_path)
    taken = json.loads((tmp_path / "taken.json").read_text(encoding="utf-8"))
    assert [one["profile"]["kind"] for one in taken] == ["synchronous", "concurrent", "poisson", "throughput"]
    assert taken[1]["profile"]["streams"] == [32]
    assert taken[2]["profile"]["rate"] == [2.5]
    data = taken[0]["data"][0]
    assert (data["prompt_tokens"], data["prompt_tokens_stdev"], data["output_tokens"]) == (512, 128, 256)
    uniform = taken[2]["data"][0]
    assert (uniform["prompt_tokens_min"], uniform["prompt_tokens_max"]) == (100, 300)
    assert "prompt_tokens_stdev" not in taken[1]["data"][0] or not taken[1]["data"][0]["prompt_tokens_stdev"]
    assert taken[0]["backend"]["target"] == "http://localhost:8000"
    # The parser is no yes-sayer: a profile that it does not know is refused.
    wrong = [word.replace("kind=poisson", "kind=fish") for word in commands[2]]
    with pytest.raises(AssertionError, match="fish"):
        run(environment("guidellm"), "-c", code, json.dumps([wrong]), cwd=tmp_path)
