"""Answers as JSON, YAML and CSV, listed by hand: a contract with a version and a schema."""
