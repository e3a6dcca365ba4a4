"""`quantadvise measure`, `tools`, `doctor` and `calibrate`: parse, call, print.

`command` takes the `options`; `dry_run` and `write_commands` only show or write the plan with its
`plan_cost`, `run` carries it out and `report/` is what it ends with.
"""
