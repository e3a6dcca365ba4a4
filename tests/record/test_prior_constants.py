"""constants.yaml: what may not be shipped as rows, and what its reader refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from advisor.cost.quality.expected_loss import PRIORS
from advisor.cost.quality.loss_covariance import Spread
from advisor.errors import DataError
from advisor.record.prior_constants import read_accuracy_constants
from advisor.shipped_files import shipped


def test_every_shipped_constant_names_a_factor_its_source_and_its_rows() -> None:
    constants = read_accuracy_constants(shipped("measurements"))
    assert {one.factor for one in constants} >= {("context", "4 bits"), ("spread", "context")}
    for one in constants:
        section, name = one.factor
        assert section in PRIORS or (section == "spread" and hasattr(Spread(), name))
        assert "no licence stated" in one.source
        assert one.rows >= 2
        assert len(one.how) > 40


def test_a_folder_without_the_file_has_none(tmp_path: Path) -> None:
    assert read_accuracy_constants(tmp_path) == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("version: 2\naccuracy: []", "version 2, known is 1"),
        ("accuracy: [", "not readable constants"),
        ("version: 1\naccuracy: [{factor: [context, x], value: 1}]", "not readable constants"),
        (
            "version: 1\naccuracy: [{factor: [a, b], value: 1, sd: 0, rows: 1, source: s, how: h}]",
            "sd is 0",
        ),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "constants.yaml").write_text(text)
    with pytest.raises(DataError, match=rf"constants\.yaml.*{why}"):
        read_accuracy_constants(tmp_path)
