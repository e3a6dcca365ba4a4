"""Probabilities of a choice: joint draws of the prediction errors, and what they make of limits and ranks."""
