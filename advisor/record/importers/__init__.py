"""Result files of other tools → records; one file per format, `read.import_file` recognises which."""
