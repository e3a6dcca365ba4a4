"""What continuous batching makes of a step time: latency, throughput, percentiles and goodput, in closed
form.
"""
