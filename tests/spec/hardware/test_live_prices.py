"""Prices of many clouds: names of GPUs, what counts, whole machines, age, damaged files, and a real fetch."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.errors import InputError
from advisor.spec.hardware.catalog import known_gpus
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.hardware.gpuhunt_names import NAMES, NOT_KNOWN, gpu_of
from advisor.spec.hardware.live_catalog import INDEX, LiveCatalog, read_catalog, read_provider
from advisor.spec.hardware.live_fetch import FetchError, fetch
from advisor.spec.hardware.live_prices import LivePrices
from tests.live_catalog import ITEMS, PROVIDERS, VERSION, dump, gpuhunt, publish, served

TODAY = date(2026, 11, 30)


# Names


@pytest.mark.parametrize(
    ("name", "memory"),
    sorted({(gpu.name, gpu.memory) for gpu in (*gpuhunt.KNOWN_NVIDIA_GPUS, *gpuhunt.KNOWN_AMD_GPUS)}),
)
def test_every_gpu_that_gpuhunt_knows_is_one_of_ours_or_named_as_not(name: str, memory: int) -> None:
    found = gpu_of(name, memory, "")
    if found is None:
        assert name in NOT_KNOWN or min(NAMES[name]) > memory, "a name without its place in the table"
        return
    assert name not in NOT_KNOWN
    ours = next(gpu for gpu in known_gpus() if gpu.name == found)
    # gpuhunt has a wrong 288 GB for the MI325X, which is sold with 256.
    assert ours.devices_per_card * ours.memory_mib / 1024 == pytest.approx(
        memory, rel=0.07 if name != "MI325X" else 0.13
    )
    if isinstance(
        known := next(g for g in gpuhunt.KNOWN_ACCELERATORS if g.name == name), gpuhunt.NvidiaGPUInfo
    ):
        major, minor = known.compute_capability
        same_family = ours.capability == pytest.approx(major + minor / 10) or name in ("B300", "GB300")
        assert same_family, f"{name} is {major}.{minor}, {found} is {ours.capability}"


def test_every_name_in_the_table_is_gpuhunts_and_every_gpu_ours() -> None:
    known = {gpu.name for gpu in (*gpuhunt.KNOWN_NVIDIA_GPUS, *gpuhunt.KNOWN_AMD_GPUS)}
    assert {*NAMES, *NOT_KNOWN} == known
    ours = {gpu.name for gpu in known_gpus()}
    assert {gpu for sizes in NAMES.values() for gpu in sizes.values()} <= ours


@pytest.mark.parametrize(
    ("name", "memory", "machine", "gpu"),
    [
        ("H100", 80, "p5.48xlarge", "H100-SXM"),
        ("H100", 80, "gpu_1x_h100_pcie", "H100-PCIe"),
        ("A100", 80, "Standard_NC24ads_A100_v4", "A100-PCIe-80GB"),
        ("A100", 80, "Standard_ND96amsr_A100_v4", "A100-SXM-80GB"),
        ("A100", 40, "p4d.24xlarge", "A100-SXM-40GB"),
        ("A100", 79.15, "NVIDIA A100-SXM4-80GB", "A100-SXM-80GB"),
        ("a100", 80, "", "A100-SXM-80GB"),
        ("A100", None, "", None),
        ("A100", 60, "", None),
        ("A100", float("nan"), "", None),
        ("H100000", 80, "", None),
        ("v6e", 32, "ct6e-standard-1t", None),
    ],
)
def test_boards_are_told_by_memory_and_by_the_machines_name(
    name: str, memory: float | None, machine: str, gpu: str | None
) -> None:
    assert gpu_of(name, memory, machine) == gpu


# What gpuhunt's own writer wrote


@pytest.fixture
def kept(tmp_path: Path) -> LiveCatalog:
    """The catalog as it is kept, of files that gpuhunt wrote."""
    for provider in PROVIDERS:
        dump(provider, tmp_path / f"{provider}.csv")
    index = {"gpuhunt": "0.1.34", "fetched": "2026-11-30", "versions": dict.fromkeys(PROVIDERS, VERSION)}
    (tmp_path / INDEX).write_text(json.dumps(index), encoding="utf-8")
    found = read_catalog(tmp_path)
    assert found is not None
    return found


def test_what_is_no_machine_by_the_hour_with_a_known_gpu_is_left_out(kept: LiveCatalog) -> None:
    # A reservation of GCP's, a TPU, and RunPod's community cloud, which is listed by country.
    assert kept.left_out == 3
    assert len(kept.machines) == len(ITEMS) - 3
    assert not [machine for machine in kept.machines if machine.provider == "gcp"]
    assert {machine.usd_per_hour for machine in kept.machines if machine.provider == "runpod"} == {0.86, 20.0}


def live(catalog: LiveCatalog | None, pricing: str = "live", **more: object) -> LivePrices:
    return LivePrices(catalog, pricing=pricing, today=TODAY, **more)  # type: ignore[arg-type]


def test_the_middle_provider_counts_each_with_its_cheapest_region(kept: LiveCatalog) -> None:
    price = live(kept).price(find_gpu("H100"), 1)
    assert price is not None
    # Per GPU-hour: Nebius 2.95, Lambda 2.99 (by eight), AWS 6.88; OCI's 10 is beyond three times the median.
    assert (price.provider, price.usd_per_hour, price.num_gpus) == ("lambdalabs", 3.29, 1)
    assert (price.machine, price.region, price.note) == (
        "gpu_1x_h100_sxm5",
        "us-west-1",
        "lower median of 3 providers",
    )
    assert price.date == "2026-11-30"


def test_a_replica_of_two_takes_a_machine_of_eight_where_there_is_no_other(kept: LiveCatalog) -> None:
    """Two machines of one GPU do not make a replica on two."""
    price = live(kept).price(find_gpu("H100"), 2)
    assert price is not None
    assert (price.machine, price.num_gpus, price.usd_per_hour) == ("gpu_8x_h100_sxm5", 8, 23.92)
    assert price.sizes == ((8, 23.92),)
    four = live(kept).price(find_gpu("L40S"), 2)
    assert four is not None
    assert (four.machine, four.num_gpus) == ("g6e.12xlarge", 4)


def test_spot_and_region(kept: LiveCatalog) -> None:
    spot = live(kept, "live-spot").price(find_gpu("B200"), 8)
    assert spot is not None
    assert (spot.usd_per_hour, spot.term) == (60.0, "spot")
    north = live(kept, region="EU-North").price(find_gpu("H100"), 8)
    assert north is not None
    assert north.region in ("eu-north-1", "eu-north1")
    assert live(kept, region="eu-north").price(find_gpu("B200"), 8) is None
    with pytest.raises(
        InputError, match="--region: no machine of the catalog is in 'us-eats-1'; did you mean us-east-1"
    ):
        live(kept, region="us-eats-1")


def test_a_gpu_that_nobody_offers_has_no_price(kept: LiveCatalog) -> None:
    assert live(kept).price(find_gpu("A30"), 1) is None


@pytest.mark.parametrize(
    ("today", "words"),
    [(TODAY, "today's"), (date(2026, 12, 1), "1 day old"), (date(2027, 1, 29), "60 days old"),
     (date(2027, 1, 30), "61 days old, which is old: quantadvise prices update")],
)  # fmt: skip
def test_the_age_is_said_and_after_sixty_days_that_it_is_old(
    kept: LiveCatalog, today: date, words: str
) -> None:
    [note] = LivePrices(kept, pricing="live", today=today).notes()
    assert f"2026-11-30, {words}, of" in note


def test_without_a_catalog_the_shipped_table_is_named_with_its_age() -> None:
    [note] = LivePrices(None, pricing="live", today=date(2027, 6, 1)).notes()
    assert "no live prices were ever fetched" in note
    assert "which is old" in note


def test_without_a_catalog_a_region_is_said_to_be_ignored() -> None:
    [note] = LivePrices(None, pricing="live", region="eu-west", today=date(2027, 6, 1)).notes()
    assert note.endswith("they are of any region, not of 'eu-west'")


# A real fetch, by gpuhunt itself, from a server on this machine


def test_a_fetch_keeps_what_gpuhunt_published(
    tmp_path: Path, kept: LiveCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path / "published")
    with served(tmp_path / "published") as url:
        monkeypatch.setenv("GPUHUNT_CATALOG_URL", url)
        rows = fetch(tmp_path / "cache", today=TODAY)
    assert rows == {provider: sum(one.provider == provider for one in ITEMS) for provider in PROVIDERS}
    found = read_catalog(tmp_path / "cache")
    assert found is not None
    assert set(found.machines) == set(kept.machines)
    assert (found.fetched, found.versions, found.gpuhunt) == (TODAY, kept.versions, "0.1.34")


def test_a_provider_that_cannot_be_had_keeps_its_prices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path / "first")
    publish(tmp_path / "second", ("aws",), version="20261201-101")
    for place, day in (("first", TODAY), ("second", date(2026, 12, 1))):
        with served(tmp_path / place) as url:
            monkeypatch.setenv("GPUHUNT_CATALOG_URL", url)
            fetch(tmp_path / "cache", today=day)
    found = read_catalog(tmp_path / "cache")
    assert found is not None
    assert found.versions["aws"] == "20261201-101"
    assert found.versions["oci"] == VERSION
    assert {machine.provider for machine in found.machines} >= {"aws", "oci", "nebius"}


def test_out_of_reach_is_one_line_and_leaves_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GPUHUNT_CATALOG_URL", "http://127.0.0.1:9")
    with pytest.raises(FetchError, match=r"^prices: Failed to load .*; is there a network") as caught:
        fetch(tmp_path / "cache", today=TODAY)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
    assert read_catalog(tmp_path / "cache") is None


# Damaged and hostile files


HEAD = "instance_name,location,price,gpu_count,gpu_name,gpu_memory,spot,flags\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has no column instance_name"),
        (b"\xff\xfe", "not UTF-8 text"),
        (b"instance_name,location\n", "has no column price"),
        (HEAD.encode() + b"x," + b"y" * 200_000 + b",1,1,H100,80,False,\n", "field larger than field limit"),
    ],
)
def test_a_damaged_file_is_one_line_with_the_remedy(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "aws.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        read_provider(path, "aws")
    assert str(caught.value).endswith("fetch them anew: quantadvise prices update")


@pytest.mark.parametrize(
    "index",
    [
        "", "[]", "{}", '{"gpuhunt": "1", "fetched": "never", "versions": {}}', "[" * 10_000,
        '{"gpuhunt": "1", "fetched": "2026-11-30", "versions": {"../../etc/passwd": "1"}}',
        '{"gpuhunt": "1", "fetched": "2026-11-30", "versions": {"aws": 1}}',
        '{"gpuhunt": 1, "fetched": "2026-11-30", "versions": {}}',
    ],
)  # fmt: skip
def test_a_damaged_index_is_one_line_and_names_no_file_outside(tmp_path: Path, index: str) -> None:
    (tmp_path / INDEX).write_text(index, encoding="utf-8")
    with pytest.raises(InputError, match="prices kept in") as caught:
        read_catalog(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "row",
    [
        "x,y,1e9,8,H100,80,False,", "x,y,-1,8,H100,80,False,", "x,y,nan,8,H100,80,False,",
        "x,y,0,8,H100,80,False,", "x,y,1,0,H100,80,False,", "x,y,1,99999,H100,80,False,",
        "x,y,1,8.5,H100,80,False,", "x,y,1,8,H100,80,maybe,",
        "x,y,1,8,H100,80", "x", "x,y,1,8,,,False,", "x,y,1," + "9" * 5_000 + ",H100,80,False,",
    ],
)  # fmt: skip
def test_a_row_that_says_no_price_is_counted_and_left_out(tmp_path: Path, row: str) -> None:
    path = tmp_path / "aws.csv"
    path.write_text(f"{HEAD}{row}\nfine,here,8,8,H100,80,False,\n", encoding="utf-8")
    machines, left_out = read_provider(path, "aws")
    assert [machine.name for machine in machines] == ["fine"]
    assert left_out == 1


def test_a_pipe_is_no_catalog(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "aws.csv")
    with pytest.raises(InputError, match="is not a regular file"):
        read_provider(tmp_path / "aws.csv", "aws")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_any_bytes_are_a_catalog_or_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "aws.csv"
    path.write_bytes(HEAD.encode() + content)
    try:
        machines, _ = read_provider(path, "aws")
    except InputError as error:
        message = str(error)
    else:
        message = ""
        assert all(machine.usd_per_hour > 0 for machine in machines)
    assert "\n" not in message
