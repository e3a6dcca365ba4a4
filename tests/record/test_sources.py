"""sources.yaml: who is who, and what its reader refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.errors import DataError
from advisor.record.sources import Source, Sources, known_sources, read_sources

ENTRY = """\
  - match: "AccelMark "
    title: AccelMark
    url: https://example.org
    licences: [Apache-2.0]
    taken: rates
    fit: all
    why: sound
"""


def write(folder: Path, text: str) -> None:
    (folder / "sources.yaml").write_text(text)


def test_an_entry_is_read(tmp_path: Path) -> None:
    write(tmp_path, f"version: 1\nsources:\n{ENTRY}")
    assert read_sources(tmp_path) == (
        Source(
            match="AccelMark ",
            title="AccelMark",
            url="https://example.org",
            licences=("Apache-2.0",),
            taken="rates",
            fit="all",
            why="sound",
        ),
    )


def test_a_folder_without_the_file_has_no_sources(tmp_path: Path) -> None:
    assert read_sources(tmp_path) == ()


def test_the_longest_match_wins(tmp_path: Path) -> None:
    longer = ENTRY.replace('"AccelMark "', '"AccelMark suite D"').replace("title: AccelMark", "title: D")
    write(tmp_path, f"version: 1\nsources:\n{ENTRY}{longer}")
    sources = Sources(read_sources(tmp_path))
    names = {name: sources.of(name) for name in ("AccelMark suite D run 1", "AccelMark suite A", "x")}
    assert {name: source and source.title for name, source in names.items()} == {
        "AccelMark suite D run 1": "D",
        "AccelMark suite A": "AccelMark",
        "x": None,
    }


def test_what_is_known_of_a_source_is_optional(tmp_path: Path) -> None:
    more = """\
    family: suites
    reference: true
    left_out_alone: true
    engine_version: "0.10"
    gpu_count: any arrangement
    scatter: {single: 0.05}
"""
    write(tmp_path, f"version: 1\nsources:\n{ENTRY}{more}")
    known, plain = Sources(read_sources(tmp_path)), Sources()
    row = "AccelMark suite A"
    assert (known.family(row), plain.family(row)) == ("suites", row)
    assert (known.harness(row), known.is_reference(row), plain.is_reference(row)) == ("suites", True, False)
    assert known.left_out_alone == known.reference_families == ("suites",)
    entry = known.of(row)
    assert entry is not None
    assert (entry.engine_version, entry.gpu_count, entry.scatter) == (
        "0.10",
        "any arrangement",
        {"single": 0.05},
    )


def test_one_scatter_is_that_of_every_load(tmp_path: Path) -> None:
    write(tmp_path, f"version: 1\nsources:\n{ENTRY}    scatter: 0.3\n")
    [entry] = read_sources(tmp_path)
    assert entry.scatter == dict.fromkeys(("single", "concurrency", "rate", "maximum", "batch"), 0.3)


def test_the_sources_of_a_folder_stand_beside_those_that_ship(tmp_path: Path) -> None:
    write(tmp_path, f"version: 1\nsources:\n{ENTRY}    family: mine\n")
    assert known_sources([tmp_path]).family("AccelMark suite A") == "mine"
    assert known_sources().family("AccelMark suite A") == "AccelMark"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 2\n", "sources.yaml: no 'version: 1'; update quantadvise or mend the file"),
        ("version: [1\n", "sources.yaml:1: not readable as YAML ("),
        ("version: 1\nsources: [x]\n", "sources.yaml: source 1: not a mapping; give match, title, url"),
        (
            f"version: 1\nsources:\n{ENTRY.replace('    why: sound', '')}",
            "sources.yaml: source 1: 'why' is missing; add it",
        ),
        (
            f"version: 1\nsources:\n{ENTRY}    fitt: all\n",
            "sources.yaml: source 1: unknown key 'fitt'; known are match, title",
        ),
        (
            f"version: 1\nsources:\n{ENTRY.replace('fit: all', 'fit: most')}",
            "sources.yaml: source 1: fit is 'most'; one of all, check, part",
        ),
        (
            f"version: 1\nsources:\n{ENTRY}    engine_version: 0.1\n",
            "sources.yaml: source 1: engine_version is 0.1; put the number in quotes",
        ),
        (
            f"version: 1\nsources:\n{ENTRY}    scatter: {{one: 0.1}}\n",
            "sources.yaml: source 1: a load of scatter is 'one'; one of batch, concurrency",
        ),
        (
            f"version: 1\nsources:\n{ENTRY}    scatter: 0\n",
            "sources.yaml: source 1: scatter is '0'; a number of log units above 0",
        ),
        (
            f"version: 1\nsources:\n{ENTRY}    reference: 1\n",
            "sources.yaml: source 1: reference is '1'; true or false",
        ),
    ],
)
def test_what_is_not_as_described_is_refused_with_place_and_remedy(
    tmp_path: Path, text: str, message: str
) -> None:
    write(tmp_path, text)
    with pytest.raises(DataError) as caught:
        read_sources(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/{message}")
