"""Measures for real: the only code that starts a tool.

`steps/` says what is measured and parses results, `tools/` finds and runs programs, `state/` keeps what is
done, `execution/` hands work to GPUs; `run` ties them together, `ledger_to_records` turns results into
measurements.
"""
