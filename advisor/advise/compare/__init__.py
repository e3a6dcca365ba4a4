"""Two deployments or two sets of results side by side: each difference with its interval."""
