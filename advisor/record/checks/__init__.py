"""Verifies measurements: against the hardware, against each other, and against printed prices. `check` runs
them all.
"""
