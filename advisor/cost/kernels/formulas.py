"""Seconds of one kernel, from its work and the efficiencies of its family."""

from __future__ import annotations

import numpy as np

from advisor.cost.array_table import Floats


def overlapped_s(read: Floats, multiply: Floats, exponent: Floats | float) -> Floats:
    """Seconds of a kernel that reads and multiplies at the same time: (read^p + multiply^p)^(1/p).

    The larger the exponent p, the more the two overlap; p = 1 is their sum. Zeros are allowed.
    """
    top = np.maximum(read, multiply)
    low = np.minimum(read, multiply)
    ratio = np.divide(low, top, out=np.zeros_like(top), where=top > 0)
    return np.asarray(top * (1.0 + ratio**exponent) ** (1.0 / exponent))


def all_reduce_s(size_bytes: Floats, fixed_s: Floats, byte_s: Floats, root_byte_s2: Floats) -> Floats:
    """Seconds of an all-reduce: fixed + sqrt((bytes × byte_s)² + bytes × root_byte_s2).

    Small messages are bound by the round trip, those up to some megabytes by one- and two-shot kernels whose
    rate grows with the size, larger ones by the link.
    """
    return np.asarray(fixed_s + np.sqrt((size_bytes * byte_s) ** 2 + size_bytes * root_byte_s2))
