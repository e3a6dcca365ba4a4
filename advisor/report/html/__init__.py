"""The answer as one page of HTML that needs nothing from outside.

`page` puts it together from `charts/`, `tables/` and `elements/`; `first_screen`, `choice_cards`,
`certainty_and_sensitivity` and `certainty_badge` are its first parts.
"""
