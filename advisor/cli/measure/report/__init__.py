"""What a run of `quantadvise measure` ends with: `parts` in a terminal, `page` for a browser.

`advice` is the choice from the run's records, `learnt` what they changed in the fit.
"""
