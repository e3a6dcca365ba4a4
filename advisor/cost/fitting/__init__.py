"""Records to parameters: which rows teach, how far each may be trusted, and the robust least squares."""
