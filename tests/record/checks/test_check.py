"""What `check` finds by itself: the known errors of the sources, and one made-up error of every sort."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from advisor.record import file_columns, store
from advisor.record.checks.check import Finding, check_folder, unflagged
from advisor.record.measurement import SpeedMeasurement
from advisor.shipped_files import shipped
from tests.record import build


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    """The findings on the shipped files with every remark on suspect rows erased."""
    folder = tmp_path_factory.mktemp("blind")
    for path in store.files(shipped("measurements")):
        speed, quality, costs = store.read_speed(path), store.read_quality(path), store.read_costs(path)
        if speed:
            store.write_speed(folder / path.name, [dataclasses.replace(row, suspect="") for row in speed])
        if quality:
            store.write_quality(folder / path.name, [dataclasses.replace(row, suspect="") for row in quality])
        if costs:
            store.write_costs(folder / path.name, [dataclasses.replace(row, suspect="") for row in costs])
    return check_folder(folder)


def found(findings: list[Finding], file: str) -> set[int]:
    return {finding.line for finding in findings if finding.file.name == file and finding.severity == "error"}


def speed_lines(file: str, **wanted: object) -> set[int]:
    """The lines of the shipped `file` whose records have the values `wanted`."""
    _, rows = store.read_file(shipped("measurements") / file)
    return {row.line for row in rows if _matches(row.record, wanted)}


def _matches(record: object, wanted: dict[str, object]) -> bool:
    return all(getattr(record, name) == value for name, value in wanted.items())


def test_finds_that_405b_on_16_a100_was_priced_as_16_h100(blind: list[Finding]) -> None:
    _, rows = store.read_file(shipped("measurements") / "queries_per_usd.csv")
    wrong = {
        row.line
        for row in rows
        if row.record.gpu == "A100-SXM-80GB" and row.record.num_gpus == 16 and row.record.load == "maximum"
    }
    assert len(wrong) == 21
    assert wrong <= found(blind, "queries_per_usd.csv")
    one = next(f for f in blind if f.file.name == "queries_per_usd.csv" and f.line in wrong and "(" in f.what)
    assert "16 x A100-SXM-80GB costs 28.64 (16 x H100-SXM costs 47.84)" in one.what


def test_finds_the_70b_docstring_cells_of_table_5(blind: list[Finding]) -> None:
    wrong: set[int] = set()
    for gpu in ("A6000", "A100-SXM-80GB"):
        wrong |= speed_lines(
            "published_speed.csv",
            model="Llama-3.1-70B-Instruct",
            gpu=gpu,
            input_tokens=768.0,
            load="single",
        )
    assert len(wrong) == 6
    assert wrong <= found(blind, "published_speed.csv")


def test_finds_the_70b_docstring_cells_of_table_6(blind: list[Finding]) -> None:
    wrong = speed_lines(
        "published_speed.csv",
        model="Llama-3.1-70B-Instruct",
        gpu="A100-SXM-80GB",
        input_tokens=768.0,
        load="maximum",
    )
    assert len(wrong) == 3
    assert wrong <= found(blind, "published_speed.csv")


def test_finds_that_r1_distill_70b_on_4_h100_was_priced_as_8(blind: list[Finding]) -> None:
    _, rows = store.read_file(shipped("measurements") / "queries_per_usd.csv")
    wrong = {
        row.line
        for row in rows
        if row.record.model == "DeepSeek-R1-Distill-Llama-70B"
        and (row.record.gpu, row.record.num_gpus) == ("H100-SXM", 4)
    }
    assert len(wrong) == 24
    assert wrong <= found(blind, "queries_per_usd.csv")


def test_finds_the_mixed_prices_of_r1_distill_32b(blind: list[Finding]) -> None:
    _, rows = store.read_file(shipped("measurements") / "queries_per_usd.csv")
    lines = found(blind, "queries_per_usd.csv")
    formats = {
        row.record.format
        for row in rows
        if row.line in lines and row.record.model == "DeepSeek-R1-Distill-Qwen-32B"
    }
    assert formats == {"fp8", "int4"}


def test_finds_the_misprint_of_granite_on_a6000(blind: list[Finding]) -> None:
    (wrong,) = speed_lines("published_speed.csv", model="granite-3.1-8b-instruct", gpu="A6000", value=0.3)
    about = [f.what for f in blind if f.file.name == "published_speed.csv" and f.line == wrong]
    assert any("A6000 reaches 0.3, A5000 with less of everything 6.7" in what for what in about)
    assert any("5 more such" in what for what in about)


def test_finds_the_arena_hard_swap_of_table_3(blind: list[Finding]) -> None:
    _, rows = store.read_file(shipped("measurements") / "published_accuracy.csv")
    wrong = {
        row.line
        for row in rows
        if (row.record.model, row.record.task) == ("Llama-3.1-70B-Instruct", "Arena-Hard")
        and row.record.source.endswith("Table 3")
        and row.record.format in ("int8", "int4")
    }
    assert len(wrong) == 2
    assert wrong <= found(blind, "published_accuracy.csv")


@pytest.mark.parametrize(
    ("score", "what"),
    [
        (72.48, "72.48 of 42.87 is 169.07 %, printed is 99.1 %"),
        (48.9, "48.9 of 49.27 is 99.25 %, printed is 98.25 %"),
        (63.09, "63.09 of 62.75 is 100.54 %, printed is 99.5 %"),
        (32.68, "32.68 of 34.9 is 93.64 %, printed is 98.8 %"),
        (67.06, "67.06 of 67.57 is 99.25 %, printed is 94.25 %"),
        (62.5, "ARC-Challenge repeats the average, 62.5, which its rows do not have"),
    ],
)
def test_finds_the_misprints_of_model_cards(blind: list[Finding], score: float, what: str) -> None:
    _, rows = store.read_file(shipped("measurements") / "published_accuracy.csv")
    lines = {row.line for row in rows if row.record.value == score}
    assert any(f.line in lines and what in f.what for f in blind if f.file.name == "published_accuracy.csv")


def test_finds_the_baseline_average_that_is_not_the_mean_of_its_rows(blind: list[Finding]) -> None:
    assert any("the average's baseline is 74.46, the mean of its rows" in f.what for f in blind)


def test_finds_figures_pasted_from_another_gpus_page(blind: list[Finding]) -> None:
    wrong = speed_lines("serving_speed.csv", model="GLM-4.5-Air", gpu="H100-SXM", value=47.55)
    assert len(wrong) == 1
    assert wrong <= found(blind, "serving_speed.csv")


def test_the_shipped_files_have_no_error_that_is_not_flagged() -> None:
    assert [str(f) for f in check_folder(shipped("measurements")) if f.severity == "error"] == []


def check(tmp_path: Path, *rows: SpeedMeasurement) -> list[Finding]:
    store.write_speed(tmp_path / "mine.csv", rows)
    return check_folder(tmp_path)


def text_of(findings: list[Finding]) -> list[str]:
    return [f"{f.line} {f.severity}: {f.what}" for f in findings]


def test_a_sound_pair_has_no_findings(tmp_path: Path) -> None:
    assert check(tmp_path, build.speed(), build.speed(input_tokens=768.0, value=3220.0)) == []


def test_a_finding_reads_as_one_line(tmp_path: Path) -> None:
    (finding,) = check(tmp_path, build.speed(gpu="A600O"))
    assert str(finding) == (
        f"{tmp_path}/mine.csv:3: error: unknown GPU 'A600O'; did you mean A6000, A100, A800? "
        "Else describe yours in YAML: --gpu it.yaml (docs/adding.md); "
        "correct the name or add it to the catalog"
    )


def test_decode_faster_than_reading_the_weights_once(tmp_path: Path) -> None:
    # 7.5 G weights of 2 bytes over 768 GB/s: 19.5 ms a token at least
    findings = check(tmp_path, build.speed(metric="tpot_ms", value=15.0, half_width=None))
    assert text_of(findings) == ["3 error: tpot_ms of 15 is below 19.54 ms, reading the weights once"]


def test_prefill_faster_than_the_dense_peak(tmp_path: Path) -> None:
    rows = [build.speed(metric="ttft_ms", value=value, input_tokens=4096.0) for value in (300.0, 900.0)]
    assert [f.line for f in check(tmp_path, rows[0])] == [3]
    assert check(tmp_path, dataclasses.replace(rows[1], half_width=None)) == []


def test_a_rate_above_the_roofline(tmp_path: Path) -> None:
    (finding,) = check(
        tmp_path,
        build.speed(
            load="maximum", metric="requests_per_s", value=60.0, input_tokens=1024.0, half_width=None
        ),
    )
    assert "means 60 requests/s, the roofline allows" in finding.what


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    (finding,) = check(tmp_path, build.speed(model="Llama-3.1-70B-Instruct", value=90_000.0))
    assert finding.what == "141 GB of weights in 52 GB of memory"


def test_a_unit_out_of_band(tmp_path: Path) -> None:
    findings = check(tmp_path, build.speed(metric="tpot_ms", value=0.021, half_width=None))
    assert "3 error: tpot_ms of 0.021 is outside 0.2 to 10000" in text_of(findings)


def test_tokens_of_one_chunk_have_next_to_no_time_between_them(tmp_path: Path) -> None:
    median = build.speed(metric="itl_ms", statistic="p50", value=0.0037, half_width=None)
    assert check(tmp_path, median) == []
    found = check(tmp_path, dataclasses.replace(median, statistic="mean"))
    assert "3 error: itl_ms of 0.0037 is outside 0.2 to 10000" in text_of(found)


def test_a_longer_prompt_in_less_time_blames_the_row_that_fits_no_other(tmp_path: Path) -> None:
    findings = check(
        tmp_path,
        build.speed(input_tokens=256.0, value=3100.0),
        build.speed(input_tokens=1024.0, value=3300.0),
        build.speed(input_tokens=768.0, value=9000.0),
        build.speed(input_tokens=512.0, value=3200.0),
    )
    assert {f.line for f in findings} == {5}


def test_more_gpus_at_less_than_half_the_rate(tmp_path: Path) -> None:
    base = build.speed(load="maximum", metric="requests_per_s", value=8.0, half_width=None)
    findings = check(tmp_path, base, dataclasses.replace(base, num_gpus=2, value=3.0))
    assert text_of(findings) == ["4 error: 2 GPUs give 3, 1 give 8 (line 3)"]


def test_repeats_that_disagree(tmp_path: Path) -> None:
    findings = check(tmp_path, build.speed(), build.speed(value=4000.0))
    assert text_of(findings) == ["3 warning: 3100 here, 4000 for the same cell (line 4)"]


def test_rate_and_latency_that_exclude_each_other(tmp_path: Path) -> None:
    # 10 requests/s that stay 0.2 + 127 x 0.05 = 6.55 s: 65 in flight, not 16
    loop = {"load": "concurrency", "load_value": 16.0, "half_width": None}
    findings = check(
        tmp_path,
        build.speed(metric="output_tokens_per_s", value=280.0, **loop),
        build.speed(metric="ttft_ms", value=200.0, **loop),
        build.speed(metric="tpot_ms", value=250.0, **loop),
    )
    assert text_of(findings) == [
        "3 error: rate, TTFT and TPOT together mean 69.9 requests in flight, the load was 16"
    ]


def test_what_is_found_on_a_flagged_row_is_known(tmp_path: Path) -> None:
    findings = check(tmp_path, build.speed(metric="tpot_ms", value=15.0, suspect="misprint"))
    assert {f.severity for f in findings} == {"known"}
    assert unflagged(findings) == []


def test_a_damaged_file_is_a_finding_and_the_others_are_still_checked(tmp_path: Path) -> None:
    store.write_speed(tmp_path / "a.csv", [build.speed(gpu="nothing")])
    (tmp_path / "b.csv").write_text(
        f"{file_columns.SPEED.first_line}\n{','.join(file_columns.SPEED.names)}\nm,bf16\n"
    )
    first, second = check_folder(tmp_path)
    assert (first.file.name, first.line) == ("a.csv", 3)
    assert str(second) == (f"{tmp_path}/b.csv:3: error: 2 cells, 30 columns; mend or delete the line")


def test_a_price_that_does_not_belong(tmp_path: Path) -> None:
    # 24.5 s and 183 queries per dollar: 0.80 $/h
    store.write_costs(tmp_path / "c.csv", [build.cost(), build.cost(usd_per_hour=1.6)])
    assert [f.line for f in check_folder(tmp_path)] == [4]


def test_scores_out_of_range_and_disagreeing(tmp_path: Path) -> None:
    rows = [
        build.quality(),
        build.quality(value=0.812),
        build.quality(value=812.0, baseline=828.0, task="MMLU"),
        build.quality(printed_recovery_pct=95.0, task="IFEval"),
    ]
    store.write_quality(tmp_path / "q.csv", rows)
    assert text_of(check_folder(tmp_path)) == [
        "4 warning: 0.812 here, 81.2 in line 3, the same score",
        "4 warning: recovery of 1.0 %",
        "5 error: baseline of 828 is not a percentage",
        "5 error: value of 812 is not a percentage",
        "6 error: 81.2 of 82.8 is 98.07 %, printed is 95 %",
    ]
