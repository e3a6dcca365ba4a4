"""`quantadvise prices` and `--pricing live`: gpuhunt itself, against a catalog served on this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from advisor.advise.api import recommend
from advisor.report.terminal.question_and_evidence import rented_text
from advisor.spec.hardware.gpu import Price
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.hardware.live_catalog import INDEX
from tests.command import Command
from tests.live_catalog import publish, served

MODEL = "Llama-3.3-70B-Instruct"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where prices are kept; nothing is, and gpuhunt's catalog is out of reach."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GPUHUNT_CATALOG_URL", NOWHERE)
    return tmp_path / "cache" / "quantadvise" / "prices"


@pytest.fixture
def published(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """gpuhunt's catalog within reach."""
    publish(tmp_path / "published")
    with served(tmp_path / "published") as url:
        monkeypatch.setenv("GPUHUNT_CATALOG_URL", url)
        yield cache


def aged(cache: Path, day: str) -> None:
    """As if the last fetch had been on that day."""
    index = json.loads((cache / INDEX).read_text(encoding="utf-8"))
    (cache / INDEX).write_text(json.dumps(index | {"fetched": day}), encoding="utf-8")


def test_update_fetches_and_show_shows(quantadvise: Command, published: Path) -> None:
    done = quantadvise("prices", "update")
    assert done.code == 0, done.err
    assert "18 prices of 7 GPUs known here, of aws, azure, gcp, lambdalabs, nebius, oci, runpod" in done.out
    shown = quantadvise("prices", "show", "-o", "json")
    rows = {row["gpu"]: row for row in json.loads(shown.out)["prices"]}
    assert rows["B200"] == {
        "gpu": "B200", "usd_per_gpu_hour": 14.2413, "gpus": 8, "provider": "aws",
        "machine": "p6-b200.48xlarge", "region": "us-east-1", "date": rows["B200"]["date"], "days_old": 0,
        "of": "lower median of 2 providers",
    }  # fmt: skip
    assert "today's, of 7 providers; machines are rented whole" in shown.err
    one = quantadvise("prices", "show", "H100", "--region", "eu", "-o", "csv")
    assert [line.split(",")[3] for line in one.out.splitlines()] == ["provider", "nebius", "nebius", "aws"]
    spot = quantadvise("prices", "show", "--spot", "-o", "csv")
    assert len(spot.out.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "H1000"), "unknown GPU 'H1000'"),
        (("show", "A30"), "prices: none of A30 here (on-demand)"),
        (("show", "--region", "mars"), "--region: no machine of the catalog is in 'mars'"),
        (("show", "--region", "us-eats-1"), "did you mean us-east-1,"),
    ],
)
def test_what_is_not_there_is_one_line(
    quantadvise: Command, published: Path, arguments: tuple[str, ...], words: str
) -> None:
    assert quantadvise("prices", "update").code == 0
    done = quantadvise("prices", *arguments)
    assert (done.code, done.out) == (1, "")
    assert words in done.err.splitlines()[-1]


def test_an_answer_with_live_prices_fetches_them_once_a_day(
    quantadvise: Command, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ("recommend", MODEL, "-w", "chat", "--rate", 2, "--gpu", "B200", "--pricing", "live", "-o", "json")
    first = quantadvise(*ask)
    assert first.code == 0, first.err
    assert (published / INDEX).exists()
    monkeypatch.setenv("GPUHUNT_CATALOG_URL", NOWHERE)
    assert quantadvise(*ask) == first


def test_a_machine_is_paid_for_whole_and_the_answer_says_so(quantadvise: Command, published: Path) -> None:
    ask = ("recommend", MODEL, "-w", "chat", "--rate", 2, "--gpu", "B200", "--pricing", "live")
    done = quantadvise(*ask)
    assert "on 1× B200 · 114 USD/h" in done.out
    assert (
        "Rented: aws p6-b200.48xlarge in us-east-1, 8 GPUs paid for, 1 used: a machine is rented whole"
        in done.out
    )
    cost = json.loads(quantadvise(*ask, "-o", "json").out)["ranked"][0]["cost"]
    assert (cost["usd_per_hour"], cost["gpus_paid_for"], cost["machine"]) == (113.93, 8, "p6-b200.48xlarge")
    assert cost["usd_per_gpu_hour"] == pytest.approx(113.93 / 8)


def test_requests_that_all_come_at_once_fill_the_machine(quantadvise: Command, published: Path) -> None:
    done = quantadvise(
        "recommend", MODEL, "-w", "batch", "--gpu", "B200", "--tp", 2, "--pricing", "live", "-o", "json"
    )
    first = json.loads(done.out)["ranked"][0]
    assert (first["deployment"]["tensor_parallel"], first["deployment"]["replicas"]) == (2, 4)
    assert first["cost"]["gpus_paid_for"] == 8


def test_out_of_reach_the_last_prices_count_with_their_age(
    quantadvise: Command, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert quantadvise("prices", "update").code == 0
    aged(published, "2026-01-02")
    monkeypatch.setenv("GPUHUNT_CATALOG_URL", NOWHERE)
    done = quantadvise("recommend", MODEL, "-w", "chat", "--gpu", "B200", "--pricing", "live")
    assert done.code == 0
    assert done.err.startswith(
        "quantadvise: prices: Failed to load catalogs of all providers; is there a network?"
    )
    assert "gpuhunt's of 2026-01-02" in done.out
    assert "which is old: quantadvise prices" in " ".join(done.out.split())


def test_out_of_reach_without_any_the_shipped_table_counts_with_its_age(
    quantadvise: Command, cache: Path
) -> None:
    done = quantadvise("recommend", MODEL, "-w", "chat", "--gpu", "H100", "--pricing", "live")
    assert done.code == 0
    assert "prices are the shipped table's" in " ".join(done.out.split())
    assert "Rented:" not in done.out
    update = quantadvise("prices", "update")
    assert (update.code, update.out) == (1, "")
    assert len(update.err.splitlines()) == 1


def test_without_live_prices_nothing_is_fetched_or_written(quantadvise: Command, cache: Path) -> None:
    assert quantadvise("recommend", MODEL, "-w", "chat", "--gpu", "H100").code == 0
    assert quantadvise("prices", "show").code == 0
    assert not cache.exists()


def test_without_the_extra_one_line_says_what_to_install(
    quantadvise: Command, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gpuhunt", None)
    for command in (("prices", "update"), ("recommend", MODEL, "--gpu", "H100", "--pricing", "live")):
        done = quantadvise(*command, *(() if command[0] == "prices" else ("-w", "chat")))
        assert (done.code, done.out) == (1, "")
        assert done.err == "quantadvise: gpuhunt is not installed; pip install 'quantadvise[prices]'\n"


def test_a_region_without_live_prices_is_refused(quantadvise: Command, cache: Path) -> None:
    done = quantadvise("recommend", MODEL, "-w", "chat", "--gpu", "H100", "--region", "eu")
    assert done.err == "quantadvise: --region: needs live prices; add --pricing live\n"


def test_a_damaged_catalog_is_one_line_and_is_fetched_anew(quantadvise: Command, published: Path) -> None:
    assert quantadvise("prices", "update").code == 0
    (published / "aws.csv").write_bytes(b"\x00\xff")
    done = quantadvise("prices", "show")
    assert done.code == 1
    assert done.err.endswith("fetch them anew: quantadvise prices update\n")
    assert quantadvise("prices", "update").code == 0
    assert quantadvise("prices", "show").code == 0


@pytest.mark.parametrize("command", ["predict", "crossover", "measure-next"])
def test_every_command_that_prices_takes_them(quantadvise: Command, published: Path, command: str) -> None:
    more = ("--format", "fp8") if command == "predict" else ()
    done = quantadvise(
        command, MODEL, "-w", "chat", "--gpu", "H200", *more, "--pricing", "live", "--price", "H200=3"
    )
    assert done.code in (0, 3), done.err


def test_a_mix_counts_machines_by_the_size_that_one_replica_takes(
    quantadvise: Command, published: Path
) -> None:
    """Lambda's H100 come one by one, too: the program does not buy eight for one."""
    pytest.importorskip("scipy")
    done = quantadvise(
        "recommend", "Llama-3.1-8B-Instruct", "-w", "chat", "--rate", 60, "--gpu", "H100,L40S",
        "--pricing", "live", "--allow-mixed", "-o", "json",
    )  # fmt: skip
    fleet = json.loads(done.out)["mixed"]["fleet"]
    # One H100 at 3.29 and three or four L40S at 0.86, not a machine of eight H100.
    assert fleet["usd_per_hour"] < 3.29 + 5 * 0.86


def test_an_unknown_term_names_the_live_ones(quantadvise: Command, cache: Path) -> None:
    done = quantadvise("recommend", MODEL, "-w", "chat", "--gpu", "H100", "--pricing", "liv")
    assert done.err == "quantadvise: unknown price term 'liv'; did you mean live, live-spot?\n"


def test_the_page_says_what_is_paid_for(quantadvise: Command, published: Path, tmp_path: Path) -> None:
    pytest.importorskip("vl_convert")
    page = tmp_path / "report.html"
    done = quantadvise(
        "recommend", MODEL, "-w", "chat", "--rate", 2, "--gpu", "B200", "--pricing", "live", "--html", page
    )
    assert done.code == 0, done.err
    assert "8 GPUs paid for, 1 used: a machine is rented whole" in page.read_text(encoding="utf-8")


def test_an_old_price_of_the_shipped_table_is_said_to_be_old(quantadvise: Command, cache: Path) -> None:
    """Of the A6000 the newest offers are of March 2025; a price of one's own and a named list have no age."""
    ask = ("recommend", "Llama-3.1-8B-Instruct", "-w", "chat", "--gpu", "A6000")
    assert "Old price: A6000 581 days (2025-03-07); fresher:" in quantadvise(*ask).out
    several = quantadvise("recommend", "Llama-3.1-8B-Instruct", "-w", "chat", "--gpu", "A6000,L4,A5000").out
    assert "Old prices: L4 453 days (2025-07-13), 2 other GPUs 581 days; fresher:" in several
    cost = json.loads(quantadvise(*ask, "-o", "json").out)["ranked"][0]["cost"]
    assert (cost["date"], cost["days_old"]) == ("2025-03-07", 581)
    for more in (("--price", "A6000=1"), ("--price-list", "paper-2024-10")):
        assert "Old price" not in quantadvise(*ask, *more).out


def test_gpus_that_are_priced_by_the_machine_are_paid_for_by_the_machine() -> None:
    machine = Price(
        provider="RunPod", num_gpus=8, usd_per_hour=6.32, term="on-demand", date="", source="its price page"
    )
    first = recommend(
        "Llama-3.1-8B-Instruct", "chat", gpus=[replace(find_gpu("A40"), prices=(machine,))]
    ).winner
    assert first is not None
    assert first.cost is not None
    used = first.deployment.num_gpus
    assert (first.cost.usd_per_hour, first.cost.gpus_bought) == (6.32, 8)
    idle = "" if used == 8 else f", {used} used: a machine is rented whole"
    assert rented_text(first) == f"RunPod machines of 8, 8 GPUs paid for{idle}"


@pytest.mark.parametrize("gpu", [None, "H100"])
def test_a_list_of_prices_has_a_heading(quantadvise: Command, cache: Path, gpu: str | None) -> None:
    head, columns, *_ = quantadvise("prices", "show", *([gpu] if gpu else [])).out.splitlines()
    assert head.startswith("Prices, on-demand, the shipped table's")
    assert "USD per GPU-hour" in columns
    assert "days old" in columns
