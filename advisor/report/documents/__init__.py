"""Answers as JSON, YAML and CSV, listed by hand: a contract with a version and a schema.

`contract` has the types, `schemas` makes JSON Schemas of them; `recommendation_document`,
`decision_document`, `mix_document`, `comparison` and `crossover_and_suggestion` fill them, `rows` is the CSV.
"""
