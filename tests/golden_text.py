"""Whole texts kept in tests/golden: compared, or written anew with --regenerate."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def check_text(name: str, text: str, *, regenerate: bool) -> None:
    """`text` is what stands in tests/golden/`name`; blanks at line ends do not count."""
    seen = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    path = FOLDER / name
    if regenerate:
        FOLDER.mkdir(exist_ok=True)
        path.write_text(seen, encoding="utf-8")
    assert path.exists(), f"{path} is missing; --regenerate writes it"
    assert seen == path.read_text(encoding="utf-8")
