"""How old a price is: days since its date, and which day today is."""

from __future__ import annotations

from datetime import date

import pytest

from advisor.spec.hardware.price_age import age_text, days_old, today

TODAY = date(2026, 11, 30)


@pytest.mark.parametrize(
    ("iso", "days"),
    [
        ("2026-11-30", 0),
        ("2026-10-01", 60),
        ("2025-11", 394),
        ("", None),
        ("last May", None),
        ("2026-02-30", None),
    ],
)
def test_days_since_a_day_or_a_month(iso: str, days: int | None) -> None:
    assert days_old(iso, TODAY) == days


@pytest.mark.parametrize(
    ("days", "words"), [(-1, "today's"), (0, "today's"), (1, "1 day old"), (1633, "1,633 days old")]
)
def test_an_age_in_words(days: int, words: str) -> None:
    assert age_text(days) == words


def test_texts_that_last_name_their_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert today() == date(1970, 1, 2)


@pytest.mark.parametrize("epoch", ["", "tomorrow", "-5", "9" * 40])
def test_an_epoch_that_is_none_is_left_to_the_clock(monkeypatch: pytest.MonkeyPatch, epoch: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    assert today() >= date(2026, 1, 1)
