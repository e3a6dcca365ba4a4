"""What `measure` does, one step a file: command, parser and runner of each.

`what_to_measure` says what is to be measured; `quantize` (with `calibration_data`), `vllm_server`, `bench`,
`lm_eval_scores` and `time_kernels` do it. `slo_search` finds the highest rate, `repeats_agree` when repeats
are enough, `quality_gate` what is not worth a benchmark.
"""
