"""The real programs: their environments and pins, how one is run and ended, and what this machine is.

`envs` and `install` have the environments; `tool` runs a program under `process_guard`, `query` asks one for
its version, `result_files` reads what it wrote; `machine`, `telemetry` and `provenance` say what a run ran
on.
"""
