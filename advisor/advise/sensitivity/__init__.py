"""What changes the choice: the load, the prices, the limits; where, and how sure that is.

`crossover` varies one `varied_load_property` and `best_along_load` shows the result; `change_points` scales
every assumption (`perturbations`) and searches for the value at which another deployment comes first.
`price_break_even` does so for GPU prices, `own_or_api` for a hosted API over the `fleet_cost_curve`,
`ways_out_if_infeasible` where nothing keeps the limits.
"""
