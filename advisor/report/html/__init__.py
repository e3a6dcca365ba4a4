"""The answer as one page of HTML that needs nothing from outside.

`page` puts it together from `charts/`, `tables/` and `elements/`; `answer`, `cards`, `certainty` and
`verdict` are its first parts.
"""
