"""The real programs: their environments and pins, how one is run and ended, and what this machine is."""
