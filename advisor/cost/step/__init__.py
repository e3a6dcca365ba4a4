"""Seconds of one engine iteration: bytes, FLOP and launches of a deployment times the learnt efficiencies.

`deployment_work` counts what a deployment needs of its GPU (from `layer_sums`), `parameters` lists what is
learnt, `parameter_vector` makes each deployment's values of the learnt numbers, `fitted_step_model` holds
them and `step_time` puts all together. `memory` says what fits (from `layer_width`), `roofline` is the limit;
`bottleneck` and `kernel_breakdown` split a step by cause and by kernel.
"""
