"""One colour and one shape per format, everywhere alike; the shape tells them apart where colour cannot."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.report.html.elements.markup import Html, tag

SHAPES = {
    "bf16": "circle",
    "fp16": "triangle-left",
    "fp8": "square",
    "int8": "diamond",
    "int4": "triangle-up",
    "fp8-w8a16": "triangle-right",
    "int8-w8a16": "triangle-down",
    "nvfp4": "cross",
    "mxfp4": "M-1,-1H-.3V-.3H.3V-1H1V1H.3V.3H-.3V1H-1Z",
    "w4a8-fp8": "M0,-1L.3,-.3L1,0L.3,.3L0,1L-.3,.3L-1,0L-.3,-.3Z",
}
"""Vega's names of symbols, or paths within a square from -1 to 1. Colours stand in page.css as `--bf16` …"""

_PATHS = {
    "circle": "M0,-1A1,1,0,1,1,0,1A1,1,0,1,1,0,-1Z",
    "square": "M-.9,-.9H.9V.9H-.9Z",
    "diamond": "M0,-1.1L.9,0L0,1.1L-.9,0Z",
    "triangle-up": "M0,-1L1,.8H-1Z",
    "triangle-down": "M0,1L1,-.8H-1Z",
    "triangle-left": "M-1,0L.8,-1V1Z",
    "triangle-right": "M1,0L-.8,-1V1Z",
    "cross": "M-1,-.35H-.35V-1H.35V-.35H1V.35H.35V1H-.35V.35H-1Z",
}


def colour(name: str) -> str:
    """What a style sheet resolves: light, dark and print each have their own."""
    return f"var(--{name})" if name in SHAPES else "var(--other)"


def shape(name: str) -> str:
    return SHAPES.get(name, "circle")


def scales(formats: Sequence[str]) -> dict[str, dict[str, object]]:
    """Vega-Lite's scales of colour and shape for these formats."""
    names = list(formats)
    return {
        "color": {"domain": names, "range": [colour(name) for name in names]},
        "shape": {"domain": names, "range": [shape(name) for name in names]},
    }


def swatch(name: str) -> Html:
    """The mark of a format, to stand before its name."""
    path = _PATHS.get(shape(name), shape(name))
    # Presentation attributes: a style attribute would need a hole in the Content-Security-Policy.
    return tag(
        "svg",
        tag("path", d=path, fill=colour(name)),
        class_="swatch",
        viewBox="-1.3 -1.3 2.6 2.6",
        aria_hidden="true",
    )
