"""What is taken away of an answer: the JSON, the rows as CSV, the folder that runs it."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import zipfile
from collections.abc import Sequence

from advisor.advise.choose.recommendation import Recommendation
from advisor.advise.mixed.fleet import Mix
from advisor.errors import InputError
from advisor.report.documents.csv_rows import recommendation_rows
from advisor.report.html.elements.markup import Html, tag
from advisor.report.manifests.mixed_fleet import fleet_texts
from advisor.report.manifests.write_folder import texts

SAVES = (
    ("document", "recommendation.json", "application/json", "The answer as JSON"),
    ("rows", "recommendation.csv", "text/csv", "The ranked as CSV"),
    ("folder", "deployment.zip", "application/zip", "The folder that runs it (zip)"),
)
"""What it is, its file, its type, what the button says."""
EVERY = tuple(save[0] for save in SAVES)

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""Date of every file in a zip, so that the same answer has the same bytes."""
_RUNS = 0o755 << 16
_IS_READ = 0o644 << 16


def save_buttons(kept: Sequence[str] = EVERY) -> Html:
    """A button for each of those that there are."""
    return tag(
        "p",
        [
            tag("button", text, type="button", class_="quiet", data_save=what, data_file=file, data_type=kind)
            for what, file, kind, text in SAVES
            if what in kept
        ],
        class_="tools",
    )


def rows_text(recommendation: Recommendation, top: int | None = None) -> str:
    """CSV of the ranked, or of the first of them, as the command line prints it."""
    rows = recommendation_rows(recommendation, top=top)
    to = io.StringIO()
    writer = csv.DictWriter(to, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return to.getvalue()


def packed(text: str) -> str:
    """By gzip, in base64: rows of every GPU are a tenth as long."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def folder_zip(recommendation: Recommendation, mix: Mix | None = None) -> str:
    """The folder of `--write` as a zip in base64, of the mix where that is cheaper. Raises InputError where
    nothing is recommended."""
    first = recommendation.winner
    if mix is not None and mix.recommended:
        made_of = fleet_texts(mix)
    elif first is not None:
        made_of = texts(first, recommendation.workload)
    else:
        raise InputError("nothing keeps the limits, so there is nothing to run")
    to = io.BytesIO()
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in made_of.items():
            file = zipfile.ZipInfo(f"deployment/{name}", _LONG_AGO)
            file.external_attr = _RUNS if text.startswith("#!") else _IS_READ
            made.writestr(file, text, zipfile.ZIP_DEFLATED)
    return base64.b64encode(to.getvalue()).decode()
