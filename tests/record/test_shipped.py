"""The measurement files that ship: named, licensed, documented, small, and honest about their digits."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from advisor.cost.quality.model_traits import traits_by_name
from advisor.record import store
from advisor.record.measurement import PrintedCost, QualityMeasurement, SpeedMeasurement
from advisor.record.sources import Sources, read_sources
from advisor.shipped_files import shipped
from advisor.spec.deployment import Deployment
from advisor.spec.engines.engine import Engine
from advisor.spec.formats.catalog import find_format
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.models.catalog import find_model
from advisor.units import GB, TERA

FOLDER = shipped("measurements")
SPEED = store.read_speed(FOLDER)
QUALITY = store.read_quality(FOLDER)
COSTS = store.read_costs(FOLDER)
KERNELS = store.read_kernels(FOLDER)
ALL: list[SpeedMeasurement | QualityMeasurement | PrintedCost] = [*SPEED, *QUALITY, *COSTS]


@pytest.mark.parametrize("name", sorted({row.model for row in (*SPEED, *COSTS)}))
def test_every_timed_model_has_its_catalog_name(name: str) -> None:
    assert find_model(name).name == name


@pytest.mark.parametrize("name", sorted({row.model for row in QUALITY}))
def test_every_scored_model_has_its_catalog_name_or_one_that_says_its_size(name: str) -> None:
    known = traits_by_name(name)
    assert known is not None
    assert known.name == name


@pytest.mark.parametrize(
    "name", sorted({r.gpu for r in SPEED} | {r.gpu for r in COSTS} | {r.gpu for r in KERNELS})
)
def test_every_gpu_has_its_catalog_name(name: str) -> None:
    assert find_gpu(name).name == name


@pytest.mark.parametrize("name", sorted({row.format for row in ALL}))
def test_every_format_has_its_canonical_name(name: str) -> None:
    assert find_format(name).name == name


def test_every_row_has_an_entry_in_sources_with_its_licence() -> None:
    sources = Sources(read_sources(FOLDER))
    used = Counter[str]()
    named = [(row.source, row.licence) for row in ALL] + [(row.source, row.licence) for row in KERNELS]
    for name, licence in named:
        source = sources.of(name)
        assert source is not None, name
        assert licence in source.licences
        used[source.match] += 1
    assert set(used) == {source.match for source in sources.entries}


@pytest.mark.parametrize("word", ["qwen2_docs", "Qwen2.5 docs", "vllm_blog", "AngelSlim", "autoround_paper"])
def test_sources_without_a_licence_are_not_shipped(word: str) -> None:
    assert not [row.source for row in ALL if word.lower() in row.source.lower()]


def test_what_was_measured_on_a_release_of_vllm_starts_by_the_table() -> None:
    """Format, GPU, their number, KV type and release of every run: the table must not refuse what ran."""
    runs = {
        (r.model, r.format, r.gpu, r.num_gpus, r.kv_format, r.engine_version)
        for r in SPEED
        if r.engine == "vllm" and not r.suspect and r.engine_version is not None
    }
    refused = {}
    for model, fmt, gpu, num_gpus, kv_format, version in runs:
        deployment = Deployment(
            model=find_model(model),
            format=find_format(fmt),
            gpu=find_gpu(gpu),
            tensor_parallel=num_gpus,
            kv_format=kv_format,
            engine=Engine(version=version or ""),
        )
        if not deployment.kernels.starts:
            refused[deployment.key] = deployment.kernels.why
    assert len(runs) > 300
    assert refused == {}


def test_no_kernel_beats_its_data_sheet() -> None:
    assert len(KERNELS) > 300
    for row in KERNELS:
        gpu = find_gpu(row.gpu)
        if row.what == "attention decode":
            assert row.value < gpu.memory_bytes_per_s / GB, row
        elif row.what != "all-reduce":
            rates = {"fp8": "fp8", "fp8-block": "fp8", "int8": "int8", "nvfp4": "fp4", "fp16": "fp16"}
            peak = gpu.flop_per_s(rates.get(row.dtype or "", "bf16"))  # type: ignore[arg-type]
            assert peak is not None, row
            # Cards clock a little above the rate that their data sheets name.
            assert row.value < 1.02 * peak / TERA, row


def test_a_kernel_timing_by_hand() -> None:
    # 2 x 2048 x 8192 x 8192 operations; a matrix of 8192 x 8192 numbers of two bytes, read once.
    full, one = (
        next(
            r
            for r in KERNELS
            if (r.gpu, r.dtype, r.tokens, r.width, r.depth) == ("H100-SXM", "bf16", tokens, 8192, None)
        )
        for tokens in (2048, 1)
    )
    assert full.value * TERA * full.seconds == pytest.approx(2 * 2048 * 8192**2, rel=1e-3)
    assert 0.7 < 2 * 8192**2 / one.seconds / find_gpu("H100-SXM").memory_bytes_per_s < 1.0


def test_all_reduces_of_a_switch_outrun_those_of_a_bus() -> None:
    rate = {(r.gpu, r.num_gpus): r.value for r in KERNELS if r.what == "all-reduce" and r.size_bytes == 2**26}
    assert rate["H100-SXM", 8] > 20 * rate["L40S", 8]
    assert rate["B200", 4] > rate["H100-SXM", 4] > rate["A100-SXM-80GB", 4]


def test_all_files_together_are_small() -> None:
    assert sum(path.stat().st_size for path in store.files(FOLDER)) < 3_300_000


def test_recovered_values_lie_within_what_is_printed() -> None:
    derived = [row for row in SPEED if row.origin == "derived"]
    assert len(derived) > 600
    for row in derived:
        printed = row.printed.removesuffix(" s")
        factor = 1000.0 if row.printed.endswith(" s") else 1.0
        half_width = factor * 0.5 * 10.0 ** -len(printed.partition(".")[2])
        assert row.half_width is not None
        assert row.half_width < half_width
        assert abs(row.value - factor * float(printed)) <= half_width


def test_a_recovered_value_by_hand() -> None:
    # Table 5: Llama-3.1-8B, A6000, docstring: 3.2 s, 1395 queries per dollar at 0.80 $/h.
    cost = next(
        row
        for row in COSTS
        if (row.model, row.gpu, row.format, row.input_tokens, row.load)
        == ("Llama-3.1-8B-Instruct", "A6000", "bf16", 768.0, "single")
    )
    assert cost.queries_per_usd == 1395
    (speed,) = [
        row
        for row in SPEED
        if row.source == cost.source
        and (row.model, row.gpu, row.format, row.input_tokens)
        == (cost.model, cost.gpu, cost.format, cost.input_tokens)
    ]
    assert speed.value == pytest.approx(1000 * 3600 / (0.80 * 1395), abs=0.01)
    assert speed.half_width == pytest.approx(speed.value * 0.5 / 1395, rel=0.05)
    assert (speed.printed, speed.origin) == ("3.2 s", "derived")


def test_no_cell_of_the_paper_stands_twice() -> None:
    cells = Counter(
        (r.source, r.model, r.gpu, r.num_gpus, r.format, r.input_tokens, r.output_tokens, r.load, r.metric)
        for r in SPEED
        if r.source.startswith(("arXiv", "model card"))
    )
    assert max(cells.values()) == 1


def test_the_papers_tables_are_complete() -> None:
    # 18 blocks of model, GPU and format with seven use cases in each table
    for table in ("5", "6"):
        assert sum(row.source == f"arXiv:2411.02355v4 Table {table}" for row in SPEED) == 126


def test_every_origin_of_a_shipped_row_is_a_publication() -> None:
    assert {row.origin for row in SPEED} | {row.origin for row in QUALITY} == {"published", "derived"}


def test_the_readme_counts_the_rows_of_every_file() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| `(\w+\.csv)` \| ([\d,]+) \|", readme, flags=re.MULTILINE))
    lines = {
        path.name: len(path.read_text(encoding="utf-8").splitlines()) - 2 for path in store.files(FOLDER)
    }
    assert {name: int(count.replace(",", "")) for name, count in listed.items()} == lines


def test_nothing_shipped_names_a_machine_path() -> None:
    for path in FOLDER.iterdir():
        assert not re.search(r"(/work|/opt|/tmp|/home)/", Path(path).read_text(encoding="utf-8"))
