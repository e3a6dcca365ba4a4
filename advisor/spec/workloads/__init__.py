"""A workload: lengths, arrivals, limits and aims, from a profile (YAML), from flags or from a request log.

`workload` is the type; `profile*` read and write YAML, `read_limits` reads limits, `request_log` is what a
log holds.
"""
