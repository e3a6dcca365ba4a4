"""Result files of other tools → records; one file per format in `tools/`.

`read` recognises the tool and is the entry; `run` is a benchmark run in our units, `facts` what the user
adds, `guard` refuses runs that are not true of their deployment, `merge` adds rows to a file.
"""
