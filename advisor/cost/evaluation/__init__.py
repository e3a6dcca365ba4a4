"""How good the fit is: held-out errors, coverage, decisions, learning curves. No answer imports it.

`optimum` refits without some rows, `held_out` collects the errors, `figures`, `coverage`, `calibration`,
`error_correlation`, `decisions` and `learning_curve` are what is said of them, `report` puts it together.
"""
