"""The command line: parse, call, print.

`app` registers the commands; `options` and `option_groups` define each option once; `options_to_values` turns
options into values; `commands/` has one file a command, `measure/` the command that runs real tools.
"""
