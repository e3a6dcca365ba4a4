"""A model: its layers and parameter counts, from the catalog, a config.json, the Hub, or a size alone.

`model` is the type, `layers` makes its layers from dimensions, `catalog` finds one by name, `files` and `hub`
fetch a config.json, and `config` reads it with one reader per family (`transformer`, `hybrids`, `special`,
`architectures/`). `native` tells which format a checkpoint already has. `typical` makes a model of a given
size.
"""
