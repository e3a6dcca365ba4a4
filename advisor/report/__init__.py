"""Shows answers; decides nothing.

`terminal/` text, `documents/` JSON, YAML and CSV with their schemas, `commands/` the commands that run a
deployment, `manifests/` the folder that `--write` makes, `html/` the page.
"""
