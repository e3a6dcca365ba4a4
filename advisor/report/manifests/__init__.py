"""A folder that takes one deployment from the table to a server, a container, a cluster and a check."""

from advisor.report.manifests.write import texts, write_all

__all__ = ["texts", "write_all"]
