"""Checked reading of what people write.

`given_value` is a value with its place and strict reads; `located_yaml` and `file_bytes` read files,
`amounts` numbers with units, `comma_lists`, `gpu_and_count` and `name_lookup` what stands in flags,
`catalog_yaml` the files that ship. `value_checks` has the checks that facts make of themselves.
"""
