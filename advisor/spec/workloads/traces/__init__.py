"""Request logs: what was sent and when, and the workload that it amounts to.

`read_trace` knows each form of log by its content and reads it; `column_logs`, `block_hashes` and `vllm_log`
read those with a column per fact, with hashes of prompt blocks, and of vLLM itself. `arrivals` says how
requests came, `profile_of_trace` makes the profile.
"""
