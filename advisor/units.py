"""Factors between units. Data sheets are decimal (GB, TFLOPS); memory sizes are binary (GiB)."""

from __future__ import annotations

MB = 1_000_000
GB = 1_000_000_000
TERA = 1_000_000_000_000
MIB = 1_024**2
GIB = 1_024**3

MS_PER_S = 1_000.0
US_PER_S = 1_000_000.0
S_PER_HOUR = 3_600.0
S_PER_MINUTE = 60.0
BITS_PER_BYTE = 8
BYTES_16BIT, BYTES_32BIT = 2, 4
TOKENS_PER_MILLION = 1_000_000
MONEY_DECIMALS = 9
"""Decimals of a bill in USD: prices have fewer, and a product of floats has noise after them (3 x 0.1)."""
