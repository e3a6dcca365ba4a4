"""Probabilities of a choice: joint draws of the prediction errors, and what they make of limits and ranks.

`error_draws` makes the draws; `choice_probability` and `at_risk_candidates` are what they say of the best
deployment and of those that may keep the limits.
"""
