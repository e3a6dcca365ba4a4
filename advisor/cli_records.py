"""`quantadvise check` and `fit`: the measurements and what is learnt from them."""

from __future__ import annotations


def check() -> None:
    """Verify the measurements that ship."""
    raise NotImplementedError


def fit() -> None:
    """Learn the coefficients from the measurements anew, and say how far they are off held out."""
    raise NotImplementedError
