"""Result files of other tools → records; one file per format in `tools/`.

`read_result_file` recognises the tool and is the entry; `imported_run` is a benchmark run in our units,
`stated_facts` what the user adds, `refuse_untrue_runs` refuses runs that are not true of their deployment,
`merge_rows` adds rows to a file.
"""
