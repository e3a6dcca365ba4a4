"""Scripts that run inside a tool's own environment; they import nothing of ours."""
