"""The real programs: their environments and pins, how one is run and ended, and what this machine is.

`envs` and `install` have the environments; `subprocesses` runs a program under `process_guard`, `ask_program`
asks one for its version, `result_files` reads what it wrote; `machine`, `telemetry` and `made_by` say what a
run ran on; `atomic_folder` and `digests` are for what it leaves on disk.
"""
