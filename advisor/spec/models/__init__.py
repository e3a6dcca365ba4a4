"""A model: its layers and parameter counts, from the catalog, a config.json, the Hub, or a size alone.

`model` is the type, `catalog` finds one by name, `config` reads a config.json with one reader per family
(`transformer`, `hybrids`, `special`, `vision`), `native` tells which format a checkpoint already has.
"""
