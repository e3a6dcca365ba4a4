"""Answers as JSON, YAML and CSV, listed by hand: a contract with a version and a schema.

`document_types` has the types, `schemas` makes JSON Schemas of them; `recommendation_document`,
`prediction_document`, `certainty_and_sensitivity_document`, `mixed_fleet_document`, `comparison` and
`crossover_and_suggestion` fill them, `csv_rows` is the CSV.
"""
