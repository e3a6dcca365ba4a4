"""sources.yaml: who is who, and what its reader refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.errors import DataError
from advisor.record.sources import Source, read_sources, source_of

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
    sources = read_sources(tmp_path)
    names = {name: source_of(name, sources) for name in ("AccelMark suite D run 1", "AccelMark suite A", "x")}
    assert {name: source and source.title for name, source in names.items()} == {
        "AccelMark suite D run 1": "D",
        "AccelMark suite A": "AccelMark",
        "x": None,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 2\n", "sources.yaml: no 'version: 1'; update quantadvise or mend the file"),
        ("version: [1\n", "sources.yaml: not YAML; while parsing a flow sequence"),
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
    ],
)
def test_what_is_not_as_described_is_refused_with_place_and_remedy(
    tmp_path: Path, text: str, message: str
) -> None:
    write(tmp_path, text)
    with pytest.raises(DataError) as caught:
        read_sources(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/{message}")
