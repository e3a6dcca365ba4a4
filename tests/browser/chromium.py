"""The machine's Chromium, driven by its own chromedriver; nothing is downloaded."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_S = 300.0
"""Far beyond what a page takes on a machine that is shared by many: whoever waits so long waits in vain."""
DELETE = "\ue017"  # WebDriver's name of the key


def missing() -> str | None:
    """Why no browser can be driven here; None where it can."""
    if CHROMIUM is None or DRIVER is None:
        return "browser: no Chromium with chromedriver here; apt-get install chromium chromium-driver"
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "browser: selenium is not installed; pip install 'quantadvise[test]'"
    return None


class Browser:
    """A page as a person has it before him."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, address: str) -> None:
        self.driver.get(address)

    def js(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def texts(self, selector: str) -> list[str]:
        """What stands in each, read at one moment: nothing can be replaced in between. Where a line may break
        is no matter."""
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)"
        return [str(text).replace("\u00a0", " ") for text in self.js(script, selector)]

    def text(self, selector: str) -> str:
        """What stands in the first, read at one moment."""
        text = str(self.js("return document.querySelector(arguments[0]).innerText.trim()", selector))
        return text.replace("\u00a0", " ")

    def until(self, what: Callable[[], T], why: str) -> T:
        """What `what` gives as soon as it is true; a part the page replaces meanwhile is not there yet."""
        from selenium.common.exceptions import StaleElementReferenceException

        end = time.monotonic() + PATIENCE_S
        while True:
            with suppress(StaleElementReferenceException):
                if found := what():
                    return found
            assert time.monotonic() < end, f"waited in vain until {why}"
            time.sleep(0.02)

    def frames(self, number: int) -> None:
        """Waits until the page has been painted `number` times."""
        script = """const [number, done] = arguments;
            const next = (left) => left ? requestAnimationFrame(() => next(left - 1)) : done();
            next(number)"""
        self.driver.execute_async_script(script, number)

    def counted(self, name: str) -> int:
        """How often the page has done a thing: `drawn`, `changed`; the last question it has `asked`,
        `answered` and `settled`, the first being 1."""
        return int(self.js(f"return document.documentElement.dataset.{name} ?? 0"))

    def complaints(self) -> list[str]:
        """What the console has said since it was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def keys(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def put(self, field: Any, text: str) -> None:
        """Write over what is in a field, in one step, as it is pasted: what is half typed is never asked."""
        self.click(field)
        self.js("arguments[0].select()", field)
        if text:
            self.cdp("Input.insertText", text=text)
        else:
            field.send_keys(DELETE)

    def words(self, within: str = "body") -> list[str]:
        """What is read without scrolling: every word and unit in sight that has a letter, drawings included;
        commands, which are copied, are not."""
        script = """const found = [];
            const whole = document.querySelector(arguments[0]);
            const walk = document.createTreeWalker(whole, NodeFilter.SHOW_TEXT);
            while (walk.nextNode()) {
                const place = walk.currentNode.parentElement;
                if (place.closest('script, style, pre, .keys, .unseen') || !place.checkVisibility()) continue;
                const range = document.createRange();
                range.selectNodeContents(walk.currentNode);
                const box = range.getBoundingClientRect();
                const seen = box.width && box.right > 0 && box.bottom > 0 && box.top < innerHeight;
                if (seen) found.push(...walk.currentNode.textContent.split(/\\s+/));
            }
            return found.filter((word) => /[a-z]/i.test(word))"""
        return list(self.js(script, within))

    def hover(self, what: Any) -> None:
        """Point at an element, or at the first that a selector names."""
        self._do(what, self._hover)

    def _hover(self, element: Any) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        self.js("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        # The page is told that it was scrolled at its next frame, which must not come after the pointer.
        self.frames(2)
        # A hand is never quite still: the pointer arrives beside the middle and goes on to it.
        hand = ActionChains(self.driver)
        hand.move_to_element_with_offset(element, 1, 1).move_to_element(element).perform()

    def click(self, what: Any) -> None:
        """Click an element, or the first that a selector names; by its selector one that the page makes anew
        meanwhile is found again."""
        self._do(what, self._click)

    def _do(self, what: Any, act: Callable[[Any], None]) -> None:
        if not isinstance(what, str):
            act(what)
            return

        def done() -> bool:
            act(self.find(what))
            return True

        self.until(done, f"{what} stands still")

    def _click(self, element: Any) -> None:
        self.js("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def dark(self, wanted: bool) -> None:
        value = "dark" if wanted else "light"
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def resize(self, width: int, height: int, *, phone: bool = False) -> None:
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )

    def cdp(self, command: str, **arguments: object) -> Any:
        return self.driver.execute_cdp_cmd(command, arguments)

    def pdf(self) -> bytes:
        return base64.b64decode(self.cdp("Page.printToPDF", printBackground=True)["data"])


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A fresh browser that knows nothing: its profile is `folder`."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*FLAGS, f"--user-data-dir={folder}", "--window-size=1280,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service(executable_path=DRIVER), options=options)
    driver.set_script_timeout(PATIENCE_S)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
