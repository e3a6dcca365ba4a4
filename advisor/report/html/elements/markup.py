"""HTML as values: text is escaped when it becomes part of an element, so that no name can become markup."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, /, *children: Any, **attributes: object) -> Html:
    """An element. Children are `Html`, text (escaped), None (left out) or iterables of these.

    An attribute that is None or False is left out, True stands alone; `_` in its name is written `-`, a
    trailing one (`class_`, `for_`) is dropped.
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{joined(*children)}</{name}>")


def with_signs(text: str) -> str:
    """A terminal's `<=` as it is printed."""
    return text.replace("<=", "≤").replace(">=", "≥")


_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def command_text(text: str) -> Html:
    """A command as it is copied: no line breaks inside of a flag."""
    return Html(_FLAG.sub(r'<span class="flag">\g<0></span>', escape(text)))


def prose(text: str) -> Html:
    """Sentences as they are read: a number stays with its unit, a flag in one piece where the line breaks.
    Markup stays as it is."""
    if isinstance(text, Html):
        return text
    return command_text(text.replace(" %", "\u00a0%").replace(" USD", "\u00a0USD"))


def joined(*children: Any) -> Html:
    """Children one after the other."""
    return Html("".join(_flat(children)))


def scrolled(content: Html) -> Html:
    """In a box of its own, which scrolls where it is too wide, by the keyboard too."""
    return tag("div", content, class_="scroll", tabindex="0")


def data_script(name: str, value: object) -> Html:
    """A block of JSON that scripts of the page read by `name`."""
    return Html(f'<script type="application/json" id="{escape(name)}">{json_text(value)}</script>')


def json_text(value: object) -> str:
    """JSON that may stand inside a script element: nothing in it can close the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def _flat(children: Iterable[Any]) -> Iterable[str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Html):
            yield child
        elif isinstance(child, str):
            yield escape(child)
        elif isinstance(child, Iterable) and not isinstance(child, Mapping):
            yield from _flat(child)
        else:
            raise TypeError(f"{child!r} is neither text nor markup")
