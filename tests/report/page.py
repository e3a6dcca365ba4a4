"""Reads a page as a browser's parser would, for what tests ask of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"br", "hr", "img", "input", "link", "meta"}


@dataclass
class Element:
    """An element with its attributes, its text and what is inside."""

    name: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)

    def walk(self) -> list[Element]:
        return [self, *(inner for child in self.children for inner in child.walk())]

    def all(self, name: str) -> list[Element]:
        return [element for element in self.walk() if element.name == name]

    def where(self, attribute: str, value: str | None = None) -> list[Element]:
        return [
            e
            for e in self.walk()
            if attribute in e.attributes and (value is None or e.attributes[attribute] == value)
        ]

    def by_id(self, name: str) -> Element:
        [found] = self.where("id", name)
        return found

    @property
    def text(self) -> str:
        """As it is read: where a line may break is no matter."""
        own = "".join(self.pieces).replace("\u00a0", " ")
        return own + "".join(child.text for child in self.children)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("document", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].name == tag, f"</{tag}> closes <{self.open[-1].name}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].pieces.append(data)


def read_page(text: str) -> Element:
    """The page as a tree. Fails when an element is not closed or is closed by another's end."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == [reader.root], f"<{reader.open[-1].name}> is never closed"
    return reader.root
