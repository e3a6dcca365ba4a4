"""What continuous batching makes of a step time: latency, throughput, percentiles and goodput, in closed
form.

A `load_table` of loads meets an `engine_table`: `request_times` and `batching` give one request's times in a
batch, `steady_state` the load in the long run, `closed_loop_benchmark` and `overload` a run that begins and
ends. `mean_latencies` is the entry; `percentiles_and_goodput` and `latency_distribution` add percentiles,
`serving_stats` is the result, `conversation_prefix_hits` turns conversations into requests that stand alone.
"""
