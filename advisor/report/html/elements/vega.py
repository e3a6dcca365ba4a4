"""The plotting library that draws the charts: Vega, out of the `report` extra's vl-convert-python.

Why this one, of those with a name and upkeep:

* plotly brings 4.7 MB of script, more than twice what a page may weigh, and no smaller build on PyPI.
* Bokeh (1.3 MB) draws on a canvas: nothing in it can be read aloud, focused, themed by a style sheet or
  printed sharply; with it come pillow, tornado, contourpy.
* ECharts, uPlot, Observable Plot are on npm only, or on PyPI inside of something ten times as large
  (pyobsplot asks for pandas, polars and pyarrow); their minified builds would have to be committed here and
  kept up by hand.
* matplotlib's SVG does not answer to a pointer, and takes too long for an answer that moves as one types.
* Vega (BSD-3-Clause, University of Washington; Altair's engine) draws SVG with ARIA labels, takes colours
  from the style sheet, so that light, dark and print need no second drawing, and runs without `eval`, so that
  a strict Content-Security-Policy can hold. vl-convert-python (BSD-3-Clause, no dependencies of its own)
  carries it: 0.9 MB of script from the installed package, none from a network.

Nothing of it is in the core install: `quantadvise recommend` without `--html` never loads it.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from advisor.errors import MissingToolError
from advisor.report.html.assets import asset

REMEDY = "vl-convert-python is not installed; pip install 'quantadvise[report]'"

VEGA_LITE = "6.4"
"""The version of Vega-Lite that the charts are written for."""

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
"""The name of Vega's dialect; it is never fetched."""

_SNIPPET = "window.vegaEmbed = vegaEmbed;"


def check_installed() -> None:
    """Raises MissingToolError when the `report` extra is not there."""
    try:
        import_module("vl_convert")
    except ImportError as error:
        raise MissingToolError(REMEDY) from error


@lru_cache(maxsize=1)
def library_script() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that sets `window.vegaEmbed`; made in about two seconds.

    Raises MissingToolError when the `report` extra is not there.
    """
    check_installed()
    bundle: str = import_module("vl_convert").javascript_bundle(_SNIPPET, vl_version=VEGA_LITE)
    # The text of a script element ends at the first of these, wherever it stands.
    notice = asset("NOTICE.txt")
    return f"/*!\n{notice}*/\n" + bundle.replace("</script", "<\\/script")
