"""What exists: models, GPUs, formats, engines, workloads, deployments. Plain facts, no heavy imports.

`models/` reads models, `hardware/` GPUs and their prices, `formats/` quantization formats, `engines/`
serving engines, `workloads/` requests, limits and traces; `reading/` checks what people write; `catalog/`
holds the data files.
"""
