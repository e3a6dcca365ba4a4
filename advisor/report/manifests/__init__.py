"""A folder that takes a deployment or a fleet of them to servers, a cluster, a router and a check."""

from advisor.report.manifests.mixed_fleet import fleet_texts, write_fleet
from advisor.report.manifests.write_folder import texts, write_all

__all__ = ["fleet_texts", "texts", "write_all", "write_fleet"]
