"""The tables of the page: ranking, refused, change points, evidence."""
