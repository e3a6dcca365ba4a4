"""A GPU of one's own: what a file says wins, what it leaves out is inherited, and slips end in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.errors import InputError, QuantAdviseError
from advisor.spec.hardware.gpu_by_name import find_gpu
from advisor.spec.hardware.gpu_file import load_gpu_file
from advisor.spec.hardware.prices import price_of

WHOLE = """\
name: Lab-Card
capability: 8.9
memory_gib: 32
memory_bandwidth_gb_s: 700
dense_tflops: {bf16: 150, fp8: 300}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "my-gpu.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_inherits_what_it_does_not_say(tmp_path: Path) -> None:
    mine = load_gpu_file(write(tmp_path, "name: Slow-H100\nlike: H100-SXM\nmemory_bandwidth_gb_s: 3000\n"))
    h100 = find_gpu("H100")
    assert (mine.name, mine.label, mine.memory_bandwidth_gb_s) == ("Slow-H100", "Slow-H100", 3000)
    assert (mine.memory_mib, mine.dense_tflops, mine.interconnect) == (
        h100.memory_mib,
        h100.dense_tflops,
        h100.interconnect,
    )
    assert mine.sources[0] == "own file my-gpu.yaml"


def test_a_file_can_stand_alone(tmp_path: Path) -> None:
    mine = load_gpu_file(write(tmp_path, WHOLE))
    assert mine.memory_mib == 32 * 1024
    assert mine.architecture == "ada"
    assert mine.interconnect.gb_s_per_direction == 32
    assert mine.dense_tflops["fp8"] == 300
    assert mine.dense_tflops["int8"] is None
    assert mine.power_w is None


def test_find_gpu_takes_a_path(tmp_path: Path) -> None:
    path = write(tmp_path, WHOLE)
    assert find_gpu(str(path)) == load_gpu_file(path)


def test_a_file_can_bring_its_price(tmp_path: Path) -> None:
    mine = load_gpu_file(write(tmp_path, WHOLE + "usd_per_hour: 0.4\n"))
    price = price_of(mine, 4)
    assert price is not None
    assert price.usd_per_hour == pytest.approx(1.6)
    assert price_of(load_gpu_file(write(tmp_path, WHOLE)), 1) is None


def test_a_rate_can_be_taken_away(tmp_path: Path) -> None:
    mine = load_gpu_file(write(tmp_path, "name: X\nlike: H100\ndense_tflops: {fp8: null}\n"))
    assert mine.dense_tflops["fp8"] is None
    assert mine.dense_tflops["bf16"] == 989


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("- H100\n", "expected 'key: value' lines, found a list"),
        ("like: H100\n", "'name' is missing"),
        ("name: X\n", "'capability' is missing"),
        ("name: X\nlike: H1000\n", "unknown GPU 'H1000'; did you mean H100"),
        ("name: X\nlike: H100\nmemory_gb: 80\n", "unknown key 'memory_gb'; did you mean 'memory_gib'?"),
        (
            "name: X\nlike: H100\nmemory_mib: 0\n",
            ":3: memory_mib: expected",
        ),
        (
            "name: X\nlike: H100\nmemory_mib: -5\n",
            "found -5",
        ),
        ("name: X\nlike: H100\nmemory_mib: .nan\n", "memory_mib: expected a finite number"),
        ("name: X\nlike: H100\nmemory_mib: 1e12\n", "memory_mib: expected"),
        ("name: X\nlike: H100\nmemory_mib: 80 GB\n", "memory_mib: expected a number, found '80 GB'"),
        ("name: X\nlike: H100\nmemory_mib: 9000\nmemory_gib: 9\n", "memory_gib: stands beside memory_mib"),
        ("name: X\nlike: H100\ncapability: 8.0\n", "capability: cannot differ from that of H100-SXM"),
        ("name: X\nlike: H100\ndense_tflops: {bf17: 1}\n", "unknown key 'bf17'; did you mean 'bf16'?"),
        ("name: X\nlike: H100\ndense_tflops: {bf16: 0}\n", "dense_tflops.bf16: expected"),
        ("name: X\nlike: H100\ninterconnect: {kind: nvlink}\n", "'gb_s_per_direction' is missing"),
        ("name: X\nlike: H100\nusd_per_hour: -1\n", "usd_per_hour: expected"),
        (WHOLE.replace("bf16", "int8"), "dense_tflops: needs bf16 or fp16"),
        ("name: [X\n", "not readable as YAML"),
    ],
)
def test_a_slip_ends_in_one_line_with_the_file(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(QuantAdviseError) as caught:
        load_gpu_file(path)
    line = str(caught.value)
    assert message in line
    assert "\n" not in line
    assert line.startswith(str(path))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        find_gpu(str(tmp_path / "none.yaml"))
