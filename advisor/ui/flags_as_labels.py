"""What the report says to a reader of the command line, in the words of the form: `“Known prices”` for
`--pricing`. Commands, which are copied, stay as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from html import escape

from advisor.ui.fields import fields

_COMMAND = re.compile(r"(<(pre|code)\b.*?</\2>)", re.DOTALL)
_FLAG = re.compile(r"--[a-z][a-z-]*[a-z]")
_KEPT_WHOLE = re.compile(r'<span class="flag">(.*?)</span>')
"""A flag as `prose` writes it: the form's words may break."""
_INSTEAD = {
    "quantadvise measure-next": "“Measure next”",
    "--ignore-engine-version takes them": "“vLLM release” names another",
}
"""What the page has another way for."""


def in_form_words(value: object) -> object:
    """Every text within a value, however deep."""
    if isinstance(value, str):
        return _text(value) if "--" in value or "quantadvise measure-next" in value else value
    if isinstance(value, Mapping):
        return {key: in_form_words(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [in_form_words(part) for part in value]
    return value


def _text(text: str) -> str:
    # Of every three parts the first stands outside of commands, the second is one, the third its element.
    parts = _COMMAND.split(text)
    return "".join(_plain(part) if at % 3 == 0 else part for at, part in enumerate(parts) if at % 3 != 2)


def _plain(text: str) -> str:
    text = _KEPT_WHOLE.sub(r"\1", text)
    for said, here in _INSTEAD.items():
        text = text.replace(said, here)
    return _FLAG.sub(lambda flag: _labels().get(flag.group(), flag.group()), text)


@lru_cache(maxsize=1)
def _labels() -> Mapping[str, str]:
    """By flag; a field's first is its own."""
    return {
        flag: f"“{escape(field.label)}”"
        for field in reversed(list(fields().values()))
        for flag in reversed(field.flags)
        if flag.startswith("--") and " " not in flag
    }
