"""Readers of architectures whose layers or towers are their own, a family a file: `READERS` by model_type."""
