"""No rule of axe-core is broken: the report, each tab of the live page, at each width, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from advisor.ui.page import TABS
from tests.browser.axe import axe_script, violations
from tests.browser.chromium import Browser
from tests.browser.test_report import address as report  # noqa: F401
from tests.browser.test_ui import address as live  # noqa: F401

SIZES = ((1440, 900), (768, 1024), (390, 844))
PHONE = 400
ASKED = {"model": "Llama-3.1-8B-Instruct", "gpu": "A6000,L40S,H100-SXM"}
QUESTION = urlencode(
    {**ASKED, "workload": "chat", "load": "rate", "level": "8", "recovery": "97", "pin": urlencode(ASKED)}
)


@pytest.fixture(scope="module")
def axe(pytestconfig: pytest.Config) -> str:
    assert pytestconfig.cache is not None
    return axe_script(pytestconfig.cache.mkdir("axe-core"))


@pytest.fixture
def page(chromium: Browser) -> Iterator[Browser]:
    yield chromium
    chromium.dark(False)
    chromium.resize(1280, 900)


def broken(page: Browser, axe: str, within: str = "html") -> list[str]:
    """Over all widths and both grounds, folds opened: every rule in light, that of contrast in dark, where
    nothing but the colours is another."""
    page.js("for (const fold of document.querySelectorAll('details')) fold.open = true")
    found = []
    for width, height in SIZES:
        page.resize(width, height, phone=width < PHONE)
        for dark in (False, True):
            page.dark(dark)
            page.frames(2)
            where = f"{width} px, {'dark' if dark else 'light'}"
            only = "color-contrast" if dark else None
            found += [f"{where}: {one}" for one in violations(page, axe, within, only)]
    return found


def test_the_report_breaks_no_rule(page: Browser, report: str, axe: str) -> None:  # noqa: F811
    page.open(report)
    page.until(lambda: page.counted("drawn") == 1, "the charts are drawn")
    assert broken(page, axe) == []


@pytest.mark.parametrize("tab", TABS)
def test_no_tab_breaks_a_rule(page: Browser, live: str, axe: str, tab: str) -> None:  # noqa: F811
    page.open("about:blank")
    page.open(f"{live}?{QUESTION}#{tab}")
    page.until(lambda: page.counted("settled") >= 1, "the answer and the tab are there")
    assert page.find(f"#tab-{tab}").is_displayed()
    # The form beside it is one and the same on every tab.
    assert broken(page, axe, "html" if tab == "answer" else f"#tab-{tab}") == []


def test_a_wrong_question_breaks_no_rule(page: Browser, live: str, axe: str) -> None:  # noqa: F811
    page.open(f"{live}?{QUESTION}&ttft=soon")
    page.until(lambda: page.find("#message").is_displayed(), "it is told")
    assert broken(page, axe) == []
