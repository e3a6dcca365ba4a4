"""The commands of `quantadvise`, one a module; `measure` has a folder of its own."""
