"""The command that serves a deployment and the recipe that makes its checkpoint."""
