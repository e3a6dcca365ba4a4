"""Checked reading of what people write: YAML with line numbers, typed values, names with near matches,
lists.
"""
