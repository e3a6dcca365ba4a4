"""Answers as text for a terminal: tables, sentences, plots.

`out` and `out_decision` print; `answer` is the short answer. `why_first`, `bottleneck_words`,
`decision_words`, `change_point_words` and `evidence` are its sentences, `ranking_tables` and `text_table` its
tables.
"""
