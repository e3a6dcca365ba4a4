"""Mixed fleets: two or more kinds of GPU for one load, where that is cheaper than the best single kind.

`replica_capacity` says how much load each deployment takes, `integer_program` chooses the counts, `fleet` is
the answer.
"""
