"""Conversations: how many turns, how long between them, and what each turn's prompt repeats of the last.

`conversation` is the type, `turn_distributions` the counts of turns and the seconds between them,
`prompt_lengths` the length of each turn's prompt; `profile_keys` reads and writes the profile's keys,
`from_log` finds conversations in a request log.
"""
