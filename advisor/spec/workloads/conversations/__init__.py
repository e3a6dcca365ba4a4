"""Conversations: how many turns, how long between them, and what each turn's prompt repeats of the last.

`conversation` is the type, `distributions` the counts of turns and the seconds between them, `prompts` the
length of each turn's prompt, `keys` reads and writes the profile's keys, `from_log` finds them in a
request log.
"""
