"""Accuracy of formats: what a model keeps of its own scores, from published and own scores.

`recovery` is the entry and `answer` what comes back. `scores` turns records into losses of a model in a
format on a task (`tasks`, `models`, `recipe`); `posterior` conditions the `expected_loss` on them by their
`covariance`; `fitting/` learns the factors.
"""
