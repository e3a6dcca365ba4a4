"""From scores to the fitted accuracy model. No answer needs it.

`fit` is the entry: `solve` finds the factors, `calibration` widens intervals until they hold on models left
out, `held_out`, `errors` and `report` say how far off it is.
"""
