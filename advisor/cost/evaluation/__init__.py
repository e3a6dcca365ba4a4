"""How good the fit is: held-out errors, coverage, decisions, learning curves. No answer imports it.

`fit_without_rows` refits without some rows, `held_out_errors` collects the errors, `error_metrics`,
`interval_coverage`, `uncertainty_calibration`, `error_correlation`, `format_choice_score` and
`learning_curve` are what is said of them, `held_out_report` puts it together.
"""
