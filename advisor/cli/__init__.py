"""The command line: parse, call, print.

`app` registers the commands; `options` and `option_groups` define each option once, and
`options_to_model_and_workload` turns them into values; `commands/` has one file a command, `measure/` the
command that runs real tools.
"""
