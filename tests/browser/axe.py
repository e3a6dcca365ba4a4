"""axe-core (Deque's checker of WCAG rules), fetched once by npm as pinned and kept in pytest's cache."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import Browser

VERSION = "4.14.1"
SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
"""Of the package, as the npm registry states it (`npm view axe-core@4.14.1 dist.integrity`)."""
FETCH_S = 120.0

RUN = """const [within, only, done] = arguments;
    const rules = only ? {runOnly: {type: 'rule', values: [only]}} : {};
    axe.run(within, {resultTypes: ['violations'], ...rules}).then(
        (found) => done(found.violations.flatMap(({id, nodes}) =>
            nodes.map((node) => `${id}: ${node.html.slice(0, 160)} (${node.failureSummary.slice(0, 200)})`))),
        (error) => done([String(error)]))"""


def axe_script(cache: Path) -> str:
    """The checker's text. Skips the test where it is neither kept nor to be had."""
    package = cache / f"axe-core-{VERSION}.tgz"
    if not package.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("axe-core: no npm here; apt-get install npm")
        made = subprocess.run(
            [npm, "pack", f"axe-core@{VERSION}", "--silent", "--fetch-retries=0"],
            cwd=cache, capture_output=True, text=True, timeout=FETCH_S, check=False,
        )  # fmt: skip
        if made.returncode != 0:
            pytest.skip("axe-core: the npm registry is out of reach")
    held = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    assert held == SHA512, f"{package} is not the pinned axe-core {VERSION}"
    with tarfile.open(package) as files:
        found = files.extractfile("package/axe.min.js")
        assert found is not None
        return found.read().decode()


def violations(page: Browser, script: str, within: str, only: str | None = None) -> list[str]:
    """What of a part of the page as it stands breaks a rule, or the one rule; the driver brings the checker,
    the page's policy stays."""
    if page.js("return typeof axe") != "object":
        page.js(f"{script}; window.axe = axe;")
    found: list[Any] = page.driver.execute_async_script(RUN, within, only)
    return [str(one) for one in found]
