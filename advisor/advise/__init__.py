"""Decides: which deployments keep the limits, which is best, how sure that is, and what would change it.

`choose/` ranks, `certainty/` gives probabilities, `sensitivity/` finds crossovers and change points,
`measuring/` proposes measurements, `compare/` sets two side by side, `mixed/` shares a load between kinds of
GPU; `api` holds the functions of the library.
"""
