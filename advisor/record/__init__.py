"""What was measured: one row per figure, with its conditions, and the store that reads and writes the rows.

`measurement` is the row, `file_columns` and `column_meanings` the file form, `store` the only reader and
writer, `sources` what is known of each source, `mean_interval` the 90 % interval of a mean; `checks/`
verifies rows, `importers/` reads result files of other tools.
"""
