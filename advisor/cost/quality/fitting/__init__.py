"""From scores to the fitted accuracy model. No answer needs it.

`fit` is the entry: `maximum_likelihood` finds the factors, `interval_calibration` widens intervals until they
hold on models left out, `held_out_predictions`, `held_out_errors` and `held_out_report` say how far off it
is.
"""
