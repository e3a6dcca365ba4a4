"""YAML text → plain values with the line of each; strict where YAML is lenient."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from advisor.errors import InputError
from advisor.spec.reading.file_bytes import read_bytes
from advisor.spec.reading.given_value import Given, plain

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

MAX_BYTES = 4_000_000
_MAX_NODES = 500_000
_MAX_DEPTH = 12
_LINE_LENGTH = 110


def read_yaml(path: Path, shown: str | None = None) -> Given:
    """The file's mapping with its lines; InputError in one line for whatever else the file is.

    Duplicate keys are refused, though YAML libraries keep the last one silently.
    """
    where = shown or str(path)
    raw = read_bytes(path, max_bytes=MAX_BYTES, what="a YAML file", where=where)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: not a text file (byte {error.start} is not UTF-8); write YAML") from error
    return parse_yaml(text, where=where, folder=path.parent)


def parse_yaml(text: str, *, where: str, folder: Path | None = None) -> Given:
    """A text's mapping with its lines; errors as in `read_yaml`."""
    try:
        loader = _Loader(text)
    except yaml.YAMLError as error:
        raise InputError(f"{where}: not a text file (control characters); write YAML") from error
    try:
        node = loader.get_single_node()
        if node is None:
            raise InputError(f"{where}: is empty; write 'key: value' lines")
        if not isinstance(node, yaml.MappingNode):
            found = "a list" if isinstance(node, yaml.SequenceNode) else "a single value"
            raise InputError(f"{where}: expected 'key: value' lines, found {found}")
        lines: dict[tuple[str, ...], int] = {}
        value = _Builder(loader, where, lines).build(node, ())
    except yaml.MarkedYAMLError as error:
        raise InputError(_syntax(error, text, where)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else "nested too deeply"
        raise InputError(f"{where}: not readable as YAML ({reason})") from error
    finally:
        loader.dispose()
    return Given(value=value, where=where, lines=lines, folder=folder)


def write_yaml(values: Mapping[str, object]) -> str:
    """The values in their order, in text that `parse_yaml` reads back as the same."""
    # What holds only scalars stands on one line, as people write it; a hundred lengths would be a page.
    dumped = yaml.dump(
        dict(values),
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=_LINE_LENGTH,
    )
    return str(dumped)


def plain_number(value: float) -> float | int:
    """Whole numbers without a point, as people write them."""
    return int(value) if float(value).is_integer() else value


def _syntax(error: yaml.MarkedYAMLError, text: str, where: str) -> str:
    mark = error.problem_mark
    if mark is None:
        return f"{where}: not readable as YAML ({error.problem})"
    written = text.splitlines()
    for number in (mark.line, mark.line - 1):
        if (
            0 <= number < len(written)
            and "\t" in written[number][: len(written[number]) - len(written[number].lstrip())]
        ):
            return f"{where}:{number + 1}: a tab indents the line; YAML wants spaces"
    line = min(mark.line + 1, max(1, len(written)))
    return f"{where}:{line}: not readable as YAML ({error.problem or error.context})"


class _Builder:
    """Walks the nodes once, so that each value's line is known and duplicates are seen."""

    def __init__(self, loader: Any, where: str, lines: dict[tuple[str, ...], int]) -> None:
        self.loader, self.where, self.lines = loader, where, lines
        self.nodes = 0

    def build(self, node: yaml.Node, path: tuple[str, ...]) -> object:
        self.nodes += 1
        line = node.start_mark.line + 1
        if self.nodes > _MAX_NODES or len(path) > _MAX_DEPTH:
            # An alias that contains itself, or a bomb of nested aliases.
            raise InputError(f"{self.where}:{line}: nested too deeply; write the values out")
        self.lines.setdefault(path, line)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, str(index))) for index, item in enumerate(node.value)]
        return self.loader.construct_object(node, deep=True)

    def _mapping(self, node: yaml.MappingNode, path: tuple[str, ...]) -> dict[str, object]:
        found: dict[str, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise InputError(f"{self.where}:{line}: a key must be a word")
            key = str(key_node.value)
            inside = (*path, key)
            if key in found:
                place, first = f"{self.where}:{line}: {'.'.join(map(plain, inside))}", self.lines[inside]
                raise InputError(f"{place}: appears twice, first on line {first}; keep one")
            self.lines[inside] = line
            found[key] = self.build(value_node, inside)
        return found
