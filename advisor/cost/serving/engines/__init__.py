"""The rules by which an engine's scheduler differs from others: one file per engine generation."""
