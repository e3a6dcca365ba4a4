"""One file per tool: how its result files look, and the runs they hold (`TOOL`, `recognises`, `runs`)."""
