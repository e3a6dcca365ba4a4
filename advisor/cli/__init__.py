"""The command line: parse, call, print.

`app` registers the commands; `options` and `groups` define each option once; `values` turns options into
values; `commands/` has one file a command, `measure/` the command that runs real tools.
"""
