"""How good the fit is: held-out errors, coverage, decisions, learning curves. No answer imports it."""
