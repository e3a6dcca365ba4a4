"""Decides: which deployments, do they keep the limits, the ranked, the refused, the why."""
