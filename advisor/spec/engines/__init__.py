"""The serving engine: its releases, its settings, and what starts in it.

`engine` is the type with the defaults of each release, `memory_profile` what it takes off the KV cache. The
`start_table` says which checkpoints start where: `kernel_choice` for one split, `model_starts` for a model;
`sharding`, `activation_dtype` and `kv_cache_dtype_auto` are its rules.
"""
