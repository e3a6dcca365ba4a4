"""A model: its layers and parameter counts, from the catalog, a config.json, the Hub, or a size alone.

`model` is the type, `layers` makes its layers from dimensions, `catalog` finds one by name, `local_files` and
`hub` fetch a config.json, and `config_json` reads it with one reader per family (`attention_and_mlp`,
`hybrids`, `architectures/`). `native_format` tells which format a checkpoint already has.
`typical` makes a model of a given size.
"""
