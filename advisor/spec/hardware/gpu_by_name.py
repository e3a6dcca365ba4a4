"""Finds a GPU by its name in the catalog, or in the user's YAML file."""

from __future__ import annotations

from advisor.spec.hardware.catalog import catalog_gpu
from advisor.spec.hardware.gpu import GpuSpec


def find_gpu(name: str) -> GpuSpec:
    """The GPU called `name`: a path that ends in .yaml or .yml is a file of the user, all else the catalog's.

    Raises UnknownNameError with the nearest known names, InputError for a file that is wrong.
    """
    if not name.lower().endswith((".yaml", ".yml")):
        return catalog_gpu(name)
    from advisor.spec.hardware.gpu_file import load_gpu_file

    return load_gpu_file(name)
