"""Answers as text for a terminal: tables, sentences, plots.

`print_answer` and `print_crossover_and_suggestion` print; `answer` is the short answer. `why_first`,
`bottleneck_words`, `certainty_and_sensitivity_words`, `change_point_words` and `question_and_evidence` are
its sentences, `ranking_tables` and `text_table` its tables.
"""
