"""`quantadvise measure`, `tools` and `calibrate`: parse, call, print."""
