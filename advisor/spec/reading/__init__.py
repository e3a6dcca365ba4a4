"""Checked reading of what people write.

`given` is a value with its place and strict reads; `located_yaml` and `file_bytes` read files, `amounts`
numbers with units, `lists` and `names` what stands in flags, `catalog_yaml` the files that ship. `require`
has the checks that facts make of themselves.
"""
