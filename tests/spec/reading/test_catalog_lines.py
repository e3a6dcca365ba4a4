"""Catalog files that are read by line stay YAML, and say the same to either reader."""

from __future__ import annotations

from typing import Any

import pytest

from advisor.spec.reading.catalog_yaml import read_catalog, read_catalog_lines


def with_named_lists(document: dict[str, Any]) -> dict[str, Any]:
    """The YAML document with each list that is a name in the place of that name."""
    return {
        top: {name: of[rows] if isinstance(rows, str) and rows in of else rows for name, rows in of.items()}
        if isinstance(of, dict)
        else of
        for top, of in document.items()
    }


@pytest.mark.parametrize("name", ["gpus.yaml", "starts.yaml"])
def test_a_file_read_by_line_says_what_yaml_reads_in_it(name: str) -> None:
    read = read_catalog_lines(name)
    assert read == with_named_lists(read_catalog(name))
    assert sum(len(of) for of in read.values()) > 100


def test_a_list_that_is_a_name_is_the_list_of_that_name() -> None:
    document = read_catalog_lines("starts.yaml")
    named = {
        (top, name): rows
        for top, of in read_catalog("starts.yaml").items()
        if isinstance(of, dict)
        for name, rows in of.items()
        if isinstance(rows, str)
    }
    assert named
    for (top, name), other in named.items():
        assert document[top][name] is document[top][other]
