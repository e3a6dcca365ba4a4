"""The section of ACCURACY.md on recovery names both intervals and how often each holds."""

from __future__ import annotations

from advisor.cost.quality.quality_model import QualityModel
from advisor.report.accuracy_md_recovery import quality_markdown


def test_the_section_has_a_line_for_each_set_of_figures_and_both_intervals() -> None:
    about = QualityModel.shipped().about
    text = quality_markdown(about)
    section, deciles = text.split("### Whether narrow intervals hold")
    assert deciles.count("| checkpoint means |") == 10
    head, *rows = [
        line for line in section.splitlines() if line.startswith("|") and not line.startswith("|---")
    ]
    assert {"inside new score", "inside true", "expected"} <= {cell.strip() for cell in head.split("|")}
    assert len(rows) == len(about["report"])  # type: ignore[arg-type]
    assert all(row.count("|") == head.count("|") for row in rows)
    [means] = [row for row in rows if row.startswith("| checkpoint means |")]
    assert means.split("|")[7].strip().endswith("%")
    assert "Judged against a floor of 98 % at confidence 0.95" in text


def test_lines_fit_a_page() -> None:
    prose = [line for line in quality_markdown(QualityModel.shipped().about).splitlines() if "|" not in line]
    assert all(len(line) <= 120 or line.startswith(("Fitted on", "Judged")) for line in prose)
