"""Deployments and loads in, predictions with intervals and evidence out. `predictor` is the entry."""
