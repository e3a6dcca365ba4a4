"""Numbers from facts and records: memory, speed, accuracy, each with an interval and a basis.

In reading order: `step/` seconds of one engine iteration, `serving/` what continuous batching makes of it,
`simulation/` the event simulation that judges `serving/`, `fitting/` records to parameters, `uncertainty/`
intervals, `evaluation/` held-out error, `predict/` the predictions, `quality/` accuracy of formats. `learn`
makes a fit of them, `fit_file` stores it, `gpu_from_timed_kernels` adds kernel timings of the user's own GPU.
"""
