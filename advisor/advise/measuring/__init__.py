"""Which measurement improves the choice most for the GPU time it takes.

`best_measurements` proposes them by their `value_of_information` and their `gpu_time`.
"""
