"""How far predictions are off on data the fit has not seen: intervals, and the errors that deployments share.

`error_class` says which held-out errors a prediction's interval is made of, `conformal` makes quantiles of
them, `intervals` is the table; `error_distribution` says how errors lie within and beyond it, `shared_errors`
what deployments of a model have in common, `joint_probability` how likely all limits are kept at once.
"""
