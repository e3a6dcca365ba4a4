"""The GPU of our catalog that a name of gpuhunt stands for, with its memory where one name has several.

gpuhunt does not tell boards of one name apart: A100 and H100 are SXM modules unless the machine's own name
says PCIe. Names are those of gpuhunt 0.1.34 (`KNOWN_ACCELERATORS`); a test walks all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ANY = 0
"""The only memory size that a name has."""

NAMES: Mapping[str, Mapping[int, str]] = {
    "A10": {_ANY: "A10"},
    "A10G": {_ANY: "A10G"},
    "A16": {_ANY: "A16"},
    "A40": {_ANY: "A40"},
    "A100": {40: "A100-SXM-40GB", 80: "A100-SXM-80GB"},
    "A4000": {_ANY: "A4000"},
    "A4500": {_ANY: "A4500"},
    "A5000": {_ANY: "A5000"},
    "A6000": {_ANY: "A6000"},
    "H100": {_ANY: "H100-SXM"},
    "H100NVL": {_ANY: "H100-NVL"},
    "H200": {_ANY: "H200"},
    "H200NVL": {_ANY: "H200-NVL"},
    "B200": {_ANY: "B200"},
    "GB200": {_ANY: "GB200"},
    "B300": {_ANY: "B300"},
    "GB300": {_ANY: "GB300"},
    "GH200": {_ANY: "GH200"},
    "L4": {_ANY: "L4"},
    "L40": {_ANY: "L40"},
    "L40S": {_ANY: "L40S"},
    "RTX2060": {12: "RTX2060-12GB"},
    "RTX3060": {12: "RTX3060-12GB"},
    "RTX3080Ti": {_ANY: "RTX3080Ti"},
    "RTX3090": {_ANY: "RTX3090"},
    "RTX3090Ti": {_ANY: "RTX3090Ti"},
    "RTX4060Ti": {16: "RTX4060Ti-16GB"},
    "RTX4070": {_ANY: "RTX4070"},
    "RTX4070SUPER": {_ANY: "RTX4070S"},
    "RTX4070Ti": {_ANY: "RTX4070Ti"},
    "RTX4070TiSUPER": {_ANY: "RTX4070TiS"},
    "RTX4080": {_ANY: "RTX4080"},
    "RTX4080SUPER": {_ANY: "RTX4080S"},
    "RTX4090": {_ANY: "RTX4090"},
    "RTX5060Ti": {16: "RTX5060Ti-16GB"},
    "RTX5070": {_ANY: "RTX5070"},
    "RTX5070Ti": {_ANY: "RTX5070Ti"},
    "RTX5080": {_ANY: "RTX5080"},
    "RTX5090": {_ANY: "RTX5090"},
    "RTX6000": {_ANY: "Quadro-RTX6000"},
    "RTX2000Ada": {_ANY: "RTX2000-Ada"},
    "RTX4000Ada": {_ANY: "RTX4000-Ada"},
    "RTX6000Ada": {_ANY: "RTX6000-Ada"},
    "RTXPRO4500": {_ANY: "RTX-PRO-4500"},
    "RTXPRO6000": {_ANY: "RTX-PRO-6000"},
    "T4": {_ANY: "T4"},
    "V100": {16: "V100-16GB", 32: "V100-32GB"},
    "MI210": {_ANY: "MI210"},
    "MI250": {_ANY: "MI250"},
    "MI250X": {_ANY: "MI250X"},
    "MI300A": {_ANY: "MI300A"},
    "MI300X": {_ANY: "MI300X"},
    "MI325X": {_ANY: "MI325X"},
    "MI350X": {_ANY: "MI350X"},
    "MI355X": {_ANY: "MI355X"},
}

NOT_KNOWN = frozenset(
    {
        *(
            "P100",
            "RTX2060SUPER",
            "RTX2070",
            "RTX2070SUPER",
            "RTX2080",
            "RTX2080SUPER",
            "RTX2080Ti",
            "RTX3050",
        ),
        *("RTX3060Ti", "RTX3070", "RTX3070Ti", "RTX3080", "RTX4060", "RTX5060", "MI100", "MI308X"),
    }
)
"""Names of NVIDIA's and AMD's GPUs that our catalog lacks: too old, or with too little memory, for it."""

_FOLDED = {name.lower(): sizes for name, sizes in NAMES.items()}
_PCIE: Mapping[str, str] = {
    "A100-SXM-40GB": "A100-PCIe-40GB",
    "A100-SXM-80GB": "A100-PCIe-80GB",
    "H100-SXM": "H100-PCIe",
}
_IS_PCIE = re.compile(r"pcie|^Standard_NC\d+ads_A100_v4", re.IGNORECASE)
"""Machines whose name says so; Azure's NC series of A100 has PCIe boards."""
_TOLERANCE = 0.15
"""Share by which a provider's memory size may be off: GB or GiB, with or without what ECC takes."""


def gpu_of(name: str, memory_gib: float | None, instance: str) -> str | None:
    """The name of our catalog; None for a GPU that it lacks, or a memory size that the name does not have."""
    sizes = _FOLDED.get(name.lower())
    if sizes is None:
        return None
    if _ANY in sizes:
        found = sizes[_ANY]
    else:
        if memory_gib is None:
            return None
        near = min(sizes, key=lambda size: abs(size - memory_gib))
        if not abs(near - memory_gib) <= _TOLERANCE * near:
            return None
        found = sizes[near]
    return _PCIE.get(found, found) if _IS_PCIE.search(instance) else found
