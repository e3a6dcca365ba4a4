"""Records to parameters: which rows are used, how far each is trusted, and robust least squares.

`observations` are rows with their deployments and loads, `run_conditions` how each was made, `row_noise` its
scatter. `kernel_estimator` fits where parameters start, `fit_step_time` all of them with the solver in
`least_squares`; `measured_cells` and `measured_deployments` are what is kept per deployment.
"""
