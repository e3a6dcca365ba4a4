"""Mixed fleets: two or more kinds of GPU for one load, where that is cheaper than the best single kind.

`capacity` says how much load each deployment takes, `program` chooses the counts, `fleet` is the answer.
"""
