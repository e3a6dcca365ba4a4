"""`recommend --allow-mixed` as it is typed: with good input and with bad."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.command import Command
from tests.report.documents.test_recommendation_document import SCHEMA
from tests.report.page import read_page

pytestmark = pytest.mark.usefixtures("frozen_fit")

ASKED = ("recommend", "Llama-3.1-8B-Instruct", "-w", "chat", "--allow-mixed")
OWNED = (*ASKED, "--gpu", "4xA6000,2xL40S")


def test_what_is_owned_is_mixed_where_no_kind_alone_is_enough(quantadvise: Command) -> None:
    result = quantadvise(*OWNED, "--rate", 28)
    assert result.code == 0
    assert result.out.startswith("fp8 on 2 × 1× L40S + int8 on 2 × 1× A6000 · 3.96 USD/h")
    assert "No single kind of GPU keeps the limits with 80 %; the mix does" in result.out


def test_counts_in_several_options_say_the_same(quantadvise: Command) -> None:
    apart = quantadvise(*ASKED, "--gpu", "4xA6000", "--gpu", "2xL40S", "--rate", 28)
    assert apart.out == quantadvise(*OWNED, "--rate", 28).out


def test_nothing_that_is_owned_is_enough(quantadvise: Command) -> None:
    result = quantadvise(*OWNED, "--rate", 90)
    assert result.code == 3
    assert "No mix of two or more kinds of GPU keeps all limits together with 80 %." in result.out


@pytest.mark.parametrize("rate", [6, 45])
def test_the_document_keeps_its_schema(quantadvise: Command, rate: int) -> None:
    document = json.loads(quantadvise(*ASKED, "-g", "A6000,A100,L40S,H100", "--rate", rate, "-o", "json").out)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    mixed = document["mixed"]
    assert mixed["recommended"] is (rate == 45)
    assert sum(kind["load"] for kind in mixed["fleet"]["kinds"]) == pytest.approx(rate)
    assert sum(kind["router_weight"] for kind in mixed["fleet"]["kinds"]) == 1000
    least = min(mixed["fleet"]["usd_per_hour"], mixed["best_single_kind"]["usd_per_hour"])
    assert mixed["usd_per_hour"] == least


def test_without_the_flag_the_document_has_no_mix(quantadvise: Command) -> None:
    plain = json.loads(
        quantadvise("recommend", "Llama-3.1-8B-Instruct", "-w", "chat", "-g", "L40S", "-o", "json").out
    )
    assert "mixed" not in plain


def test_the_page_shows_the_kinds_and_their_shares(quantadvise: Command, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert quantadvise(*OWNED, "--rate", 28, "--html", path).code == 0
    section = read_page(path.read_text(encoding="utf-8")).by_id("mixed")
    assert "fp8 on 2 × 1× L40S + int8 on 2 × 1× A6000" in section.text
    assert len(section.all("tbody")[0].all("tr")) == 2
    answer = read_page(path.read_text(encoding="utf-8")).by_id("answer")
    assert "No single kind of GPU keeps the limits with 80 %" in answer.text
    assert "nothing keeps the limits" not in answer.text


def test_an_explanation_has_every_kind_and_why_none_does_alone(quantadvise: Command) -> None:
    out = quantadvise(*OWNED, "--rate", 28, "--explain").out
    assert out.count("90 % interval") == 2
    assert "Ways out" in out
    assert "that miss capacity" in out


def test_the_files_of_the_mix_are_written(quantadvise: Command, tmp_path: Path) -> None:
    result = quantadvise(*OWNED, "--rate", 28, "--write", tmp_path / "fleet")
    assert "files for the mix; begin with README.md" in result.err
    assert (tmp_path / "fleet" / "router" / "nginx.conf").is_file()
    assert (tmp_path / "fleet" / "l40s-fp8" / "serve.sh").is_file()


def test_a_row_that_is_named_is_written_alone(quantadvise: Command, tmp_path: Path) -> None:
    asked = (*ASKED, "-g", "A6000,A100,L40S,H100", "--rate", 45)
    assert quantadvise(*asked, "--write", tmp_path / "one", "--row", 1).code == 0
    assert (tmp_path / "one" / "serve.sh").is_file()
    assert not (tmp_path / "one" / "router").exists()


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("--gpu", "L40S"), "name two or more in --gpu"),
        (("--gpu", "L40S,A100", "--single"), "give --rate or --concurrency"),
        (("--gpu", "L40S,A100", "--concurrency", "1"), "give --concurrency 2 or more"),
        (("--gpu", "L40S,A100", "--objective", "latency"), "add --objective cost"),
        (("--gpu", "L40S,A100", "--gpu-count", "same"), "add --gpu-count free"),
        (("--gpu", "L40S,A100", "-o", "csv"), "add --output json"),
        (("--gpu", "4xA100,2xA100"), "give one count"),
        (("--gpu", "L40S,A100", "--pricing", "3yr"), "add --price"),
        (("--gpu", "0xA100,2xL40S"), "0 is not a number of GPUs"),
    ],
)
def test_what_has_no_mix_ends_in_one_line(quantadvise: Command, words: tuple[str, ...], remedy: str) -> None:
    result = quantadvise(*ASKED, *words)
    assert result.code == 1
    assert remedy in result.err
    assert len(result.err.strip().splitlines()) == 1


def test_two_counts_without_the_flag_name_it(quantadvise: Command) -> None:
    result = quantadvise("recommend", "Llama-3.1-8B-Instruct", "-w", "chat", "--gpu", "4xA100,8xL40S")
    assert result.code == 1
    assert "add --allow-mixed" in result.err


def test_few_requests_in_flight_are_shared_by_no_more_kinds(quantadvise: Command) -> None:
    asked = (*ASKED, "-g", "A6000,A100,L40S,H100", "--concurrency", 2, "-o", "json")
    fleet = json.loads(quantadvise(*asked).out)["mixed"]["fleet"]
    assert [kind["router_weight"] for kind in fleet["kinds"]] == [1, 1]


def test_without_scipy_the_remedy_is_said_before_any_work(
    quantadvise: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr("advisor.advise.mixed.integer_program.import_module", missing)
    result = quantadvise(*ASKED, "--gpu", "L40S,A100")
    assert result.code == 1
    assert result.err.strip().endswith("pip install 'quantadvise[mixed]'")
    assert result.out == ""
