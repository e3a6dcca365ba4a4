"""Parameters of vision towers and projectors: in memory at 16 bits, not read in a text decode step."""

from __future__ import annotations

from advisor.errors import UnsupportedError
from advisor.spec.model_values import ConfigValues


def vision_params(outer: ConfigValues, hidden: int) -> int:
    """Parameters beside the language model; 0 for a text model. Raises UnsupportedError by name."""
    vision = outer.section("vision_config")
    if vision is None:
        return 0
    raise UnsupportedError(f"{outer.where}: vision tower cannot be read yet")
