"""From scores to the fitted accuracy model: solve, fit, held-out errors, their report. No answer needs it."""
