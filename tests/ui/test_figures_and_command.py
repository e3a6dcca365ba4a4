"""What is taken away of an answer says the same as the page."""

from __future__ import annotations

import base64
import csv
import io
import json
import shlex
import zipfile

import pytest

from advisor.advise.api import recommend, shipped_predictor, shipped_quality
from advisor.advise.choose.recommendation import Recommendation, choose
from advisor.advise.mixed.fleet import mix
from advisor.errors import InputError
from advisor.report.documents.mixed_fleet_document import mix_document
from advisor.report.html.downloads import folder_zip, rows_text
from advisor.report.manifests.write_folder import texts
from advisor.spec.workloads.read_profile import load_workload
from advisor.ui.answers import Answerer
from advisor.ui.figures_and_command import command_line, compared_figures
from advisor.ui.form_to_question import read_choice
from advisor.ui.own_models_workloads_gpus import OwnInputs
from tests.command import Command

CHAT = {"model": "Llama-3.1-8B-Instruct", "workload": "chat", "gpu": "A6000,L40S"}
QUESTIONS: tuple[dict[str, str], ...] = (
    {},
    {"load": "rate", "level": "8", "recovery": "97 %", "confidence": "0.9"},
    {"load": "concurrency", "level": "16", "input": "900", "output": "2k", "ttft": "800", "at": "p99"},
    {"load": "single", "at": "none", "objective": "latency"},
    {"load": "max", "at": "none", "objective": "throughput", "maxgpus": "4"},
    {"level": "12", "price": "L40S=0.5,A6000=$400/month", "pricing": "on-demand", "budget": "5000/month"},
    {"model": "13B", "formats": "int4,fp8", "kv": "fp8", "tensor_parallel": "1,2", "num_gpus": "2"},
    {"max_num_seqs": "64", "enforce_eager": "yes", "prefix_caching": "no", "async_scheduling": "no"},
    {"turns": "4", "think": "20", "system": "500", "history": "all", "load": "concurrency", "level": "9"},
    {"load": "rate", "level": "8", "api": "0.20/0.60", "used": "40 %"},
    {"mixed": "yes", "load": "rate", "level": "8"},
    {"engine": "vllm 0.11.0", "prefix_hit_rate": "0.3", "burstiness": "0.5", "tasks": "code"},
)


@pytest.fixture(scope="module")
def answer() -> Recommendation:
    return recommend("Llama-3.1-8B-Instruct", "chat", gpus=["A6000", "L40S"])


@pytest.mark.parametrize("said", QUESTIONS, ids=lambda said: " ".join(said) or "nothing")
def test_the_command_line_asks_the_same(said: dict[str, str], quantadvise: Command) -> None:
    said = {**CHAT, **said}
    found = choose(read_choice(said, OwnInputs()), shipped_predictor(), shipped_quality())
    program, *arguments = shlex.split(command_line(said, OwnInputs()))
    assert program == "quantadvise"
    printed = json.loads(quantadvise(*arguments, "--output", "json").out)
    rows = [
        (row["deployment"]["format"], row["deployment"]["gpu"], row["deployment"]["num_gpus"])
        for row in printed["ranked"]
    ]
    own = [a.deployment for a in found.ranked[: len(rows)]]
    assert rows == [(d.format.name, d.gpu.name, d.num_gpus) for d in own]
    assert rows


def test_the_zip_holds_what_write_writes(answer: Recommendation) -> None:
    assert answer.winner is not None
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(folder_zip(answer)))) as found:
        assert found.testzip() is None
        files = {info.filename: found.read(info).decode() for info in found.infolist()}
        runs = {i.filename for i in found.infolist() if i.external_attr >> 16 & 0o100}
    written = texts(answer.winner, answer.workload)
    assert files == {f"deployment/{name}": text for name, text in written.items()}
    assert "deployment/serve.sh" in runs
    assert "deployment/README.md" not in runs


def test_where_kinds_may_be_mixed_document_and_zip_are_of_the_mix() -> None:
    answerer = Answerer(shipped_predictor(), shipped_quality(), OwnInputs())
    said = {**CHAT, "gpu": "A6000,L40S,H100", "load": "rate", "level": "40", "mixed": "yes"}
    document = json.loads(json.dumps(answerer.document(said)))
    predictor, quality = shipped_predictor(), shipped_quality()
    found = mix(choose(read_choice(said, OwnInputs()), predictor, quality), predictor, quality)
    assert found is not None
    assert document["mixed"] == json.loads(json.dumps(mix_document(found)))
    assert "mixed" not in answerer.document({**said, "mixed": ""})
    zipped = base64.b64decode(str(answerer.folder(said)["base64"]))
    with zipfile.ZipFile(io.BytesIO(zipped)) as held:
        names = {name.removeprefix("deployment/") for name in held.namelist()}
    assert ("router/nginx.conf" in names) == found.recommended
    assert answerer.command(said)["command"].endswith("--allow-mixed")  # type: ignore[union-attr]


def test_nothing_kept_has_no_folder_and_no_figures() -> None:
    found = recommend(
        "Llama-3.1-8B-Instruct", "chat", gpus=["A6000"], min_recovery=1.0, max_usd_per_hour=0.01
    )
    assert found.winner is None
    assert compared_figures(found) == []
    with pytest.raises(InputError, match="nothing to run"):
        folder_zip(found)


def test_rows_are_those_of_the_command_line(answer: Recommendation, quantadvise: Command) -> None:
    done = quantadvise("recommend", "Llama-3.1-8B-Instruct", "-w", "chat", "-g", "A6000,L40S", "-o", "csv")
    assert list(csv.DictReader(io.StringIO(rows_text(answer)))) == list(csv.DictReader(io.StringIO(done.out)))


def test_figures_are_the_first_s_own(answer: Recommendation) -> None:
    first = answer.winner
    assert first is not None
    assert first.cost is not None
    figures = {figure["name"]: figure["value"] for figure in compared_figures(answer)}
    assert figures["USD per hour"] == first.cost.usd_per_hour
    assert figures["Keeps all limits"] == first.keeps_all_limits
    assert {"TTFT p95, ms", "TPOT p95, ms", "E2E mean, s", "Recovery, %"} <= set(figures)


def test_a_dropped_file_stands_by_its_name_in_the_command() -> None:
    own_inputs = OwnInputs(workloads={"mine": load_workload("chat")})
    assert "--workload mine.yaml" in command_line({**CHAT, "workload": "mine"}, own_inputs)
