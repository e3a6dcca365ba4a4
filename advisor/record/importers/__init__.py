"""Foreign result files, one format per file, units normalised on entry."""
