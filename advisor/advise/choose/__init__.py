"""Every deployment predicted, judged against the limits, ranked or refused."""
