"""The store: what is written comes back; what is damaged stops the read and says where."""

from __future__ import annotations

import dataclasses
import errno
import os
import random
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import DataError, DiskFullError, InputError
from advisor.record import file_columns, store
from advisor.record.checksummed_file import locked
from advisor.record.kernel_timing import KernelTiming
from advisor.record.measurement import FailedRun, PrintedCost, QualityMeasurement, SpeedMeasurement
from tests.record import build

# Anything a field may hold: every character but line breaks, zero bytes and lone surrogates (not UTF-8).
TEXT = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20)
NAME = TEXT.filter(bool)
ABOVE_ZERO = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
MAYBE_COUNT = st.none() | st.integers(1, 10**12)
ROOT = Path(__file__).resolve().parents[2]


@st.composite
def speeds(draw: st.DrawFn) -> SpeedMeasurement:
    load = draw(st.sampled_from(["single", "concurrency", "rate", "maximum", "batch"]))
    return build.speed(
        model=draw(NAME),
        gpu=draw(NAME),
        num_gpus=draw(st.integers(1, 4096)),
        input_tokens=draw(ABOVE_ZERO),
        load=load,
        load_value=None if load in ("single", "maximum") else draw(ABOVE_ZERO),
        engine_version=draw(st.none() | NAME),
        statistic=draw(st.sampled_from(["mean", "p50", "p99", "p99.9"])),
        value=draw(ABOVE_ZERO),
        half_width=draw(st.none() | ABOVE_ZERO),
        samples=draw(MAYBE_COUNT),
        origin=draw(st.sampled_from(["published", "derived", "measured", "imported"])),
        date=draw(st.none() | st.dates().map(str)),
        conditions=draw(TEXT),
        suspect=draw(TEXT),
        printed=draw(TEXT),
    )


@settings(deadline=None)  # files, on disks that may be busy
@given(rows=st.lists(speeds(), max_size=5))
def test_speed_that_is_written_comes_back_the_same(rows: list[SpeedMeasurement]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store.write_speed(Path(folder, "a.csv"), rows)
        assert store.read_speed(Path(folder)) == rows


@settings(deadline=None)  # files, on disks that may be busy
@given(
    value=st.floats(allow_nan=False, allow_infinity=False),
    baseline=st.none() | st.floats(-1e9, 1e9),
    text=TEXT,
    paired=st.none() | ABOVE_ZERO,
)
def test_quality_that_is_written_comes_back_the_same(
    value: float, baseline: float | None, text: str, paired: float | None
) -> None:
    row = build.quality(value=value, baseline=baseline, conditions=text, paired_stderr=paired)
    with tempfile.TemporaryDirectory() as folder:
        store.write_quality(Path(folder, "a.csv"), [row])
        assert store.read_quality(Path(folder)) == [row]


@settings(deadline=None)  # files, on disks that may be busy
@given(detail=TEXT, max_context=MAYBE_COUNT, rate=st.none() | ABOVE_ZERO)
def test_failures_that_are_written_come_back_the_same(
    detail: str, max_context: int | None, rate: float | None
) -> None:
    load = (
        {}
        if rate is None
        else {"load": "rate", "load_value": rate, "input_tokens": 9.0, "output_tokens": 1.0}
    )
    row = build.failure(detail=detail, max_context=max_context, **load)
    with tempfile.TemporaryDirectory() as folder:
        store.write_failures(Path(folder, "a.csv"), [row])
        assert store.read_failures(Path(folder)) == [row]


@settings(deadline=None)  # files, on disks that may be busy
@given(value=ABOVE_ZERO, queries=ABOVE_ZERO)
def test_costs_that_are_written_come_back_the_same(value: float, queries: float) -> None:
    row = build.cost(value=value, queries_per_usd=queries)
    with tempfile.TemporaryDirectory() as folder:
        store.write_costs(Path(folder, "a.csv"), [row])
        assert store.read_costs(Path(folder)) == [row]


@settings(deadline=None)  # files, on disks that may be busy
@given(value=ABOVE_ZERO, width=MAYBE_COUNT)
def test_kernels_that_are_written_come_back_the_same(value: float, width: int | None) -> None:
    row = build.kernel(what="gemm", dtype="bf16", width=width, tokens=1, value=value)
    with tempfile.TemporaryDirectory() as folder:
        store.write_kernels(Path(folder, "a.csv"), [row])
        assert store.read_kernels(Path(folder)) == [row]


@pytest.mark.parametrize(
    ("table", "record"),
    [
        (file_columns.SPEED, SpeedMeasurement),
        (file_columns.QUALITY, QualityMeasurement),
        (file_columns.FAILURES, FailedRun),
        (file_columns.COSTS, PrintedCost),
        (file_columns.KERNELS, KernelTiming),
    ],
)
def test_every_field_of_a_record_has_a_column(table: file_columns.Table[Any], record: type[Any]) -> None:
    assert table.names == tuple(field.name for field in dataclasses.fields(record))


def test_the_file_reads_as_documented(tmp_path: Path) -> None:
    store.write_failures(tmp_path / "f.csv", [build.failure(max_context=None, detail='said "no", then died')])
    assert (tmp_path / "f.csv").read_text() == (
        "#quantadvise failures 1 rows=1\n"
        "model,format,kv_format,gpu,num_gpus,max_context,engine,engine_version,stage,reason,detail,source,date,"
        "load,load_value,input_tokens,output_tokens,crc32\n"
        "Llama-3.1-8B-Instruct,bf16,16bit,L4,1,,vllm,0.7.2,serve,out_of_memory,"
        '"said ""no"", then died",campaign,2025-03-31,,,,,405e1eed\n'
    )


def test_a_file_written_before_a_column_was_thought_of_is_read_and_added_to(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    store.write_speed(path, [build.speed()])
    lines = [line.split(",") for line in path.read_text().splitlines()[1:]]
    first = file_columns.SPEED.first_line
    older = [",".join(cells[:-6]) for cells in lines]  # neither the five younger columns nor a checksum
    path.write_text("\n".join([first, *older]) + "\n")
    [old] = store.read_speed(path)
    assert (old.value, old.requests, old.burstiness) == (build.speed().value, None, None)
    store.append_speed(path, [build.speed(value=77.0, requests=320)])
    assert store.read_speed(path) == [old, build.speed(value=77.0, requests=320)]


def test_a_damaged_line_of_an_older_file_is_counted_in_its_own_columns(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    head = f"{file_columns.SPEED.first_line}\n{','.join(file_columns.SPEED.names[:-5])}\n"
    for line, message in (("m,bf16", "2 cells, 25 columns"), ("", "empty line")):
        path.write_text(f"{head}{line}\n")
        with pytest.raises(DataError, match=f"s.csv:3: {message}"):
            store.read_speed(path)


def test_files_are_read_by_name_and_only_those_of_the_kind_asked_for(tmp_path: Path) -> None:
    store.write_speed(tmp_path / "b.csv", [build.speed(model="second")])
    store.write_speed(tmp_path / "a.csv", [build.speed(model="first")])
    store.write_quality(tmp_path / "c.csv", [build.quality()])
    (tmp_path / "notes.txt").write_text("not a record")
    assert [row.model for row in store.read_speed(tmp_path)] == ["first", "second"]
    assert store.read_quality(tmp_path) == [build.quality()]
    assert store.read_speed(tmp_path / "b.csv") == [build.speed(model="second")]


def test_appended_rows_follow_the_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "new" / "mine.csv"
    store.append_speed(path, [build.speed(value=1.0)])
    store.append_speed(path, [build.speed(value=2.0), build.speed(value=3.0)])
    assert [row.value for row in store.read_speed(path)] == [1.0, 2.0, 3.0]


def test_records_know_their_line(tmp_path: Path) -> None:
    store.write_speed(tmp_path / "a.csv", [build.speed(), build.speed(value=2.0)])
    kind, rows = store.read_file(tmp_path / "a.csv")
    assert kind == "speed"
    assert [(row.line, row.record.value) for row in rows] == [(3, 3100.0), (4, 2.0)]


def test_what_a_spreadsheet_saves_is_still_read(tmp_path: Path) -> None:
    store.write_speed(tmp_path / "a.csv", [build.speed()])
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert store.read_speed(tmp_path) == [build.speed()]


def test_a_line_cut_off_by_a_crash_is_set_aside_and_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    store.append_speed(path, [build.speed(value=1.0), build.speed(value=2.0)])
    path.write_bytes(path.read_bytes()[:-17])
    with pytest.raises(
        DataError, match=r"mine\.csv:4: the last line was cut off while being written; delete"
    ):
        store.read_speed(tmp_path)
    [note] = store.mend(tmp_path)
    assert note.endswith(
        "mine.csv:4: the last line was cut off while being written; it is set aside in mine.csv.torn"
    )
    assert (tmp_path / "mine.csv.torn").read_text().startswith("Llama-3.1-8B-Instruct,bf16")
    assert [row.value for row in store.read_speed(path)] == [1.0]
    assert store.mend(tmp_path) == []


def test_appending_sets_a_torn_line_aside_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    store.append_speed(path, [build.speed(value=1.0), build.speed(value=2.0)])
    path.write_bytes(path.read_bytes()[:-17])
    store.append_speed(path, [build.speed(value=3.0)])
    assert [row.value for row in store.read_speed(path)] == [1.0, 3.0]
    assert (tmp_path / "mine.csv.torn").exists()


@settings(deadline=None)
@given(at=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_flipped_bit_is_noticed_wherever_it_is(at: int, bit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mine.csv")
        rows = [build.speed(value=float(k)) for k in range(1, 6)]
        store.write_speed(path, rows)
        content = bytearray(path.read_bytes())
        content[at % len(content)] ^= 1 << bit
        path.write_bytes(content)
        with suppress(DataError):
            assert store.read_speed(path) == rows  # a blank for a blank of the first line changes nothing


@settings(deadline=None)
@given(kept=st.integers(0, 10**6))
def test_a_file_that_was_cut_is_noticed_wherever_it_was(kept: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mine.csv")
        store.write_speed(path, [build.speed(value=float(k)) for k in range(1, 6)])
        content = path.read_bytes()
        path.write_bytes(content[: kept % len(content)])
        with pytest.raises(DataError):
            store.read_speed(path)


def test_a_changed_row_is_named_with_the_way_to_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    store.write_speed(path, [build.speed(value=1.5), build.speed(value=2.5)])
    text = path.read_text()
    path.write_text(text.replace(",2.5,", ",3.5,"))
    with pytest.raises(DataError, match=r"mine\.csv:4: not as it was written .*empty the cell crc32"):
        store.read_speed(path)
    *lines, last = path.read_text().splitlines()
    path.write_text("\n".join([*lines, last[:-8]]) + "\n")
    assert [row.value for row in store.read_speed(path)] == [1.5, 3.5]


def test_a_row_that_is_gone_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    store.write_speed(path, [build.speed(value=1.0), build.speed(value=2.0)])
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(DataError, match="holds 1 rows, 2 were written; restore the file, or delete 'rows=2'"):
        store.read_speed(path)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.csv"
    store.append_speed(path, [build.speed(value=1.0)])

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match="no space left; make room and run the same command again"):
        store.append_speed(path, [build.speed(value=2.0)])
    monkeypatch.undo()
    assert [row.value for row in store.read_speed(path)] == [1.0]
    assert [file.name for file in tmp_path.glob("*.part")] == []


ADD = """
import sys
from pathlib import Path
from advisor.record.importers.merge_rows import add_speed
from tests.record import build
path, who = Path(sys.argv[1]), int(sys.argv[2])
for k in range(int(sys.argv[3])):
    add_speed(path, [build.speed(source=f"run {k}", value=1.0 + k), build.speed(source=f"own {who} {k}")])
    print(k, flush=True)
"""


def adding(path: Path, who: int, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ADD, str(path), str(who), str(count)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def test_two_imports_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    """Both add the same 40 rows and 40 of their own, row by row: 120 in the end, each once."""
    path = tmp_path / "mine.csv"
    pair = [adding(path, who, 40) for who in (1, 2)]
    assert [process.wait(60) for process in pair] == [0, 0]
    sources = [row.source for row in store.read_speed(path)]
    assert len(sources) == len(set(sources)) == 120


def test_kill_9_leaves_what_was_reported_and_no_torn_line(tmp_path: Path) -> None:
    path, reported = tmp_path / "mine.csv", 0
    rng = random.Random(0)
    for who in range(8):
        process = adding(path, who, 1_000)
        assert process.stdout is not None
        for _ in range(rng.randint(1, 12)):
            process.stdout.readline()
            reported += 1
        process.kill()
        reported += len(process.stdout.read().splitlines())
        process.wait()
        own = [row for row in store.read_speed(path) if row.source.startswith("own")]
        assert reported <= len(own) <= reported + who + 1


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    store.write_speed(path, [build.speed()])
    with pytest.raises(ValueError, match="conditions holds a line break"):
        store.write_speed(path, [build.speed(conditions="two\nlines")])
    assert store.read_speed(path) == [build.speed()]
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]


HEAD = f"{file_columns.SPEED.first_line}\n{','.join(file_columns.SPEED.names)}\n"
GOOD = (
    "m,bf16,16bit,A6000,1,256,128,constant,single,,vllm,0.7.2,e2e_ms,mean,3100,50,,,published,s,MIT"
    + 9 * ","
    + "\n"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "model,gpu\na,b\n",
            "a.csv:1: not a measurement file, its first line must be like '#quantadvise speed 1'; "
            "bring other tools' results in with `quantadvise import`, or move the file away",
        ),
        ("", "a.csv:1: not a measurement file"),
        ("#quantadvise spede 1\n", "a.csv:1: unknown kind 'spede'; one of speed"),
        ("#quantadvise speed 2\n", "a.csv:1: version 2, this program reads 1; update quantadvise"),
        (
            HEAD.replace("num_gpus", "num_gpu"),
            "a.csv:2: unknown column 'num_gpu'; did you mean 'num_gpus'?",
        ),
        (HEAD.replace(",licence", ""), "a.csv:2: column 'licence' is missing; add it"),
        (HEAD.replace("model,format", "format,model"), "a.csv:2: columns in another order; must be model,"),
        (HEAD + GOOD + GOOD.replace("3100", "fast"), "a.csv:4: value is 'fast', not a number; correct it"),
        (HEAD + GOOD.replace("3100", ""), "a.csv:3: value is '', but a number is needed; correct it"),
        (HEAD + GOOD.replace("A6000,1,", "A6000,1.5,"), "a.csv:3: num_gpus is '1.5', not a whole number;"),
        (HEAD + GOOD.replace("3100", "nan"), "a.csv:3: value is nan; a finite number above 0; correct it"),
        (HEAD + GOOD.replace("3100", "-1"), "a.csv:3: value is -1.0; a finite number above 0; correct it"),
        (HEAD + GOOD.replace("3100", "inf"), "a.csv:3: value is inf; a finite number above 0; correct it"),
        (HEAD + GOOD.replace("A6000", ""), "a.csv:3: gpu is empty; correct it or delete the line"),
        (HEAD + GOOD.replace("e2e_ms", "e2e_s"), "a.csv:3: metric is 'e2e_s'; one of e2e_ms, itl_ms,"),
        (HEAD + GOOD.replace("mean", "average"), "a.csv:3: statistic is 'average'; mean or a percentile"),
        (HEAD + GOOD.replace("single,", "single,4"), "a.csv:3: load_value is 4.0 though load is 'single'"),
        (HEAD + GOOD.replace("single", "rate"), "a.csv:3: load_value is None though load is 'rate'"),
        (HEAD + GOOD.replace("MIT,", "MIT,May"), "a.csv:3: date is 'May'; write 2025-03-31, 2025-03 or 2025"),
        (HEAD + GOOD + "\n" + GOOD, "a.csv:4: empty line; delete it"),
        (HEAD + '"' + GOOD, "a.csv:3: unexpected end of data; close the quotes"),
        (HEAD + "m,bf16\n" + GOOD, "a.csv:3: 2 cells, 30 columns; mend or delete the line"),
        (HEAD + "extra," + GOOD, "a.csv:3: 31 cells, 30 columns; mend or delete the line"),
    ],
)
def test_damage_stops_the_read_with_file_line_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        store.read_speed(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/{message}")
    assert "\n" not in str(caught.value)


def test_bytes_that_are_not_text_are_located(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes((HEAD + GOOD).encode() + b"caf\xe9\n")
    with pytest.raises(DataError, match=r"a\.csv:4: not UTF-8 text; save the file as UTF-8 CSV"):
        store.read_speed(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder; give a folder with measurement files"):
        store.read_speed(tmp_path / "nowhere")


def test_an_empty_folder_holds_nothing(tmp_path: Path) -> None:
    assert store.read_speed(tmp_path) == []


def test_rows_are_not_appended_to_another_kind_of_file(tmp_path: Path) -> None:
    store.write_quality(tmp_path / "a.csv", [build.quality()])
    with pytest.raises(DataError, match="holds quality, not speed; append to another file"):
        store.append_speed(tmp_path / "a.csv", [build.speed()])


@pytest.mark.parametrize("place", ["/dev/null/x.csv", "/dev/full"])
def test_a_place_where_no_file_can_be_made_is_one_line(place: str) -> None:
    with (
        pytest.raises(InputError, match=r"not a folder; name another place"),
        locked(Path(place, "speed.csv")),
    ):
        pass
