"""What a run of `quantadvise measure` ends with: `report_parts` in a terminal, `page` for a browser.

`advice` is the choice from the run's records, `fit_changes` what they changed in the fit.
"""
