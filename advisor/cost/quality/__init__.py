"""Accuracy of formats: what a model keeps of its own scores, from published and own scores. `recovery` is
the entry.
"""
