"""Files that are dropped on the page: read by the command line's readers, and nothing is opened for them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advisor.errors import InputError
from advisor.spec.models.catalog import find_model
from advisor.spec.workloads.read_profile import load_workload, to_yaml
from advisor.spec.workloads.traces.profile_of_trace import profile_from_trace
from advisor.ui import dropped_file
from advisor.ui.dropped_file import take
from advisor.ui.form_to_question import read_choice
from advisor.ui.own_models_workloads_gpus import OwnInputs
from tests.spec.build_models import llama_config

DATA = Path(__file__).resolve().parent.parent / "data"
CONFIG = llama_config(_name_or_path="../models/my-llama", torch_dtype="bfloat16")


def test_a_workload_is_the_one_that_the_command_line_reads() -> None:
    taken = take("mine.yaml", b"extends: chat\nname: mine\ninput_tokens: 700\n")
    assert taken.told["kind"] == "workload"
    choice = read_choice({"model": "Llama-3.1-8B-Instruct", "workload": "mine"}, taken.on(OwnInputs()))
    assert choice.workload.load.input_tokens.mean == 700
    assert choice.workload.limits == load_workload("chat").limits


def test_a_workload_that_was_written_comes_back() -> None:
    rag = load_workload("rag")
    assert take("rag.yml", to_yaml(rag).encode()).workload == rag


@pytest.mark.parametrize("name", ["azure.csv", "mooncake.jsonl", "openai.jsonl", "sharegpt.json"])
def test_a_request_log_is_the_traffic_that_trace_reads(name: str) -> None:
    path = DATA / "traces" / name
    if name == "sharegpt.json":
        with pytest.raises(InputError, match=r"sharegpt\.json.*--"):
            take(name, path.read_bytes())
        return
    taken = take(name, path.read_bytes())
    assert taken.workload is not None
    assert taken.workload.load == profile_from_trace(path).workload.load
    assert "requests" in str(taken.told["says"])


def test_a_config_is_a_model_by_its_own_name() -> None:
    taken = take("config.json", json.dumps(CONFIG).encode())
    assert taken.told["name"] == "my-llama"
    model = read_choice({"model": "my-llama", "workload": "chat"}, taken.on(OwnInputs())).space.model
    assert model.total_params == find_model("Llama-3.1-8B-Instruct").total_params


def test_a_gpu_gets_a_row_with_its_price() -> None:
    taken = take("gpu.yaml", b"name: My-H100\nlike: H100-SXM\nmemory_bandwidth_gb_s: 3000\nusd_per_hour: 2\n")
    assert (taken.told["kind"], taken.told["name"]) == ("gpu", "My-H100")
    assert 'data-gpu="My-H100"' in str(taken.told["row"])
    said = {"model": "Llama-3.1-8B-Instruct", "gpu": "My-H100", "price": "My-H100=1.5"}
    choice = read_choice(said, taken.on(OwnInputs()))
    price = choice.price_of(choice.space.gpus[0], 2)
    assert price is not None
    assert price.usd_per_hour == 3.0


@pytest.mark.parametrize(
    "path", ["vllm_bench/rate.json", "vllm_bench/concurrency.json", "guidellm/v2_concurrent.json"]
)
def test_results_are_figures_to_compare_with(path: str) -> None:
    file = DATA / path
    told = take(file.name, file.read_bytes()).told
    assert told["kind"] == "results"
    first = told["answers"][0]  # type: ignore[index]
    assert any(figure["name"].startswith("TTFT") for figure in first["figures"])
    assert all(figure["value"] > 0 for figure in first["figures"])


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("mine.yaml", b"extends: /etc/passwd\n", "opens no file"),
        ("mine.yaml", b"extends: [chat, ../other.yaml]\n", "opens no file"),
        ("mine.yaml", b"extends: ~/other\n", "opens no file"),
        ("mine.yaml", b"input_tokens: many\n", "mine.yaml:1: input_tokens"),
        ("mine.yaml", b"\xff\xfe\x00", "not a text file"),
        ("mine.yaml", b"", "is empty"),
        ("mine.yaml", b"colour: blue\n", "mine.yaml"),
        ("mine.yaml", b"a: &a [*a]\n", "mine.yaml"),
        ("bomb.yaml", b"x: " + b"[" * 100_000, "bomb.yaml"),
        ("config.json", b'{"model_type": "llama"', "config.json"),
        ("config.json", b'{"model_type": "llama"}', "config.json"),
        ("config.json", b"[" * 100_000, "config.json"),
        ("results.json", b"{}", "results.json"),
        ("log.jsonl", b'{"a": 1}\n', "log.jsonl"),
        ("log.csv", b"\x00\x01", "log.csv"),
        ("photo.png", b"\x89PNG", "not a file that the page reads"),
        ("no-suffix", b"x", "not a file that the page reads"),
        ("../../etc/passwd", b"x", "passwd: is not"),
        ("..", b"x", "file: is not"),
        ("a\nb.png", b"x", "file: is not"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(name: str, content: bytes, told: str) -> None:
    with pytest.raises(InputError) as error:
        take(name, content)
    text = " ".join(str(error.value).split())
    assert told in text
    assert "/tmp" not in text
    assert len(text) < 600


def test_nothing_stays_on_the_disk_and_nothing_else_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    take("mine.yaml", b"extends: chat\n")
    with pytest.raises(InputError):
        take("results.json", b"{}")
    assert list(tmp_path.iterdir()) == []


def test_a_file_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropped_file, "MOST_BYTES", 10)
    with pytest.raises(InputError, match="larger than"):
        take("mine.yaml", b"extends: chat\n")


def test_the_shelf_keeps_the_latest_few() -> None:
    own_inputs = OwnInputs()
    for k in range(dropped_file.MOST_KEPT + 5):
        own_inputs = take("mine.yaml", f"extends: chat\nname: mine-{k}\n".encode()).on(own_inputs)
    assert list(own_inputs.workloads) == [f"mine-{k}" for k in range(5, dropped_file.MOST_KEPT + 5)]
    again = take("mine.yaml", b"extends: rag\nname: mine-7\n").on(own_inputs)
    assert again.workloads["mine-7"].load == load_workload("rag").load
    assert len(again.workloads) == dropped_file.MOST_KEPT
