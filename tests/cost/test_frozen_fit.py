"""The small fit that tests of whole answers rest on."""

from __future__ import annotations

import pytest

from advisor.advise.api import shipped_predictor, shipped_quality
from advisor.cost import fit_file
from advisor.cost.predict.predictor import Predictor
from advisor.cost.quality import accuracy_fit_file as quality_file
from advisor.cost.quality.quality_model import QualityModel
from advisor.shipped_files import shipped
from tests.conftest import FROZEN_FIT

pytestmark = pytest.mark.usefixtures("frozen_fit")


def test_answers_rest_on_it_and_not_on_the_fit_that_ships() -> None:
    real = fit_file.read(shipped("measurements") / fit_file.NAME)
    assert shipped_predictor().fit is Predictor.shipped().fit
    assert len(shipped_predictor().fit.evidence) < len(real.evidence) / 2
    assert shipped_quality() is QualityModel.shipped()


def test_it_is_a_small_part_of_the_records() -> None:
    assert sum(path.stat().st_size for path in FROZEN_FIT.iterdir()) < 180_000
    assert {e.source for e in Predictor.shipped().fit.evidence} >= {"seed paper"}


def test_a_fit_that_is_read_is_written_as_it_was() -> None:
    speed, quality = (FROZEN_FIT / name for name in (fit_file.NAME, quality_file.NAME))
    assert fit_file.dumps(fit_file.read(speed)) == speed.read_text(encoding="utf-8")
    assert QualityModel.read(quality).to_json() == quality.read_text(encoding="utf-8")
