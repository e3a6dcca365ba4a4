"""A file that somebody else wrote is read up to a bound, and refused in one line that says what it is."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.errors import InputError
from advisor.spec.reading.file_bytes import is_there, read_bytes
from advisor.spec.reading.located_yaml import parse_yaml, read_yaml, write_yaml


def refusal(path: Path, max_bytes: int = 100) -> str:
    with pytest.raises(InputError) as refused:
        read_bytes(path, max_bytes=max_bytes, what="a result file")
    return str(refused.value).replace(str(path), "PATH")


def test_what_is_no_regular_file_is_not_read(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path) == "PATH: is a folder; name a result file in it"
    assert refusal(tmp_path / "none") == "PATH: no such file; check the path"
    assert refusal(tmp_path / "pipe").startswith("PATH: is not a regular file (a pipe, a socket or a device)")
    assert refusal(Path("/dev/zero")).startswith("PATH: is not a regular file")
    assert not is_there(Path("a\0b"))


def test_a_file_is_read_up_to_the_bound_and_no_further(tmp_path: Path):
    (tmp_path / "full").write_bytes(b"x" * 100)
    (tmp_path / "more").write_bytes(b"x" * 101)
    assert len(read_bytes(tmp_path / "full", max_bytes=100, what="a result file")) == 100
    assert "larger than" in refusal(tmp_path / "more")


def test_a_name_with_control_characters_stays_one_line(tmp_path: Path):
    with pytest.raises(InputError) as refused:
        read_bytes(tmp_path / "a\nb", max_bytes=1, what="a file")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "f: is empty; write 'key: value' lines"),
        ("- 1\n- 2\n", "f: expected 'key: value' lines, found a list"),
        ("a: 1\nb: 2\na: 3\n", "f:3: a: appears twice, first on line 1; keep one"),
        ("a: {b: [1, 2}\n", "f:1: "),
        ("a: 1\n\x00", "f: not readable as YAML (unacceptable character #x0000"),
        ("? [1, 2]\n: x\n", "f:1: a key must be a word"),
    ],
)
def test_yaml_that_libraries_let_pass_is_refused_with_its_line(text: str, line: str):
    with pytest.raises(InputError) as refused:
        parse_yaml(text, where="f")
    assert str(refused.value).startswith(line)


def test_every_value_knows_its_line(tmp_path: Path):
    (tmp_path / "w.yaml").write_text("name: x\nslo:\n  ttft_p95_ms: 500\n", encoding="utf-8")
    slo = read_yaml(tmp_path / "w.yaml", "w.yaml").mapping()["slo"]
    assert (slo.place, slo.mapping()["ttft_p95_ms"].place) == ("w.yaml:2", "w.yaml:3")


PLAIN = st.recursive(
    st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text("abcdefgh xyz", min_size=1).map(str.strip).filter(bool),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abcdef", min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.dictionaries(st.text("abcdef", min_size=1), PLAIN, min_size=1, max_size=4))
def test_what_is_written_reads_back(values: dict[str, object]):
    assert parse_yaml(write_yaml(values), where="f").value == values


@given(st.binary(max_size=3_000), st.integers(0, 3))
def test_gzip_is_unpacked_whatever_it_holds(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, cut: int
) -> None:
    """One file or several put one after another, as gzip allows; one that is cut off is named."""
    plain = b"{" + text
    path = tmp_path_factory.mktemp("packed") / "any.json.gz"
    parts = [plain[: len(plain) // 2], plain[len(plain) // 2 :]] if cut == 1 else [plain]
    packed = b"".join(gzip.compress(part) for part in parts)
    path.write_bytes(packed[:-9] if cut == 3 else packed)
    if cut == 3:
        with pytest.raises(InputError, match="damaged gzip"):
            read_bytes(path, max_bytes=10_000, what="a result file")
    else:
        assert read_bytes(path, max_bytes=10_000, what="a result file") == plain


def test_a_small_gzip_that_holds_a_large_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"0" * 5_000_000))
    with pytest.raises(InputError, match="larger than 1 MB"):
        read_bytes(tmp_path / "bomb.gz", max_bytes=1_000_000, what="a result file")


@pytest.mark.parametrize(
    ("start", "words"),
    [(b"PK\x03\x04", "a ZIP archive"), (b"PAR1", "Parquet"), (b"\x28\xb5\x2f\xfd", "zstd")],
)
def test_other_packings_are_named(tmp_path: Path, start: bytes, words: str) -> None:
    (tmp_path / "log").write_bytes(start + b"rest")
    with pytest.raises(InputError, match=rf"is .*{words}.*unpack it"):
        read_bytes(tmp_path / "log", max_bytes=100, what="a request log")
