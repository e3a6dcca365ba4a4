"""A GPU file that describes a CPU in a GPU's place."""

GPU = """\
# The rates are round numbers that a GPU file accepts,
# since the answer under test rests on measurements, not on them.
name: cpu
title: CPU
capability: 9.0
memory_gib: 16
memory_bandwidth_gb_s: 20
dense_tflops: {bf16: 0.2, fp8: 0.2, int8: 0.4}
gpus_per_node: 1
usd_per_hour: 0.1
"""
