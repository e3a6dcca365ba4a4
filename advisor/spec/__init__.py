"""What exists: models, GPUs, formats, workloads, engines, deployments. Plain facts, no heavy imports."""
