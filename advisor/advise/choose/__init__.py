"""Every deployment predicted, judged against the limits, ranked or refused.

`choice` says what may be chosen and by what, `candidate_deployments` lists the deployments,
`deployment_evaluator` predicts them and `limits` judges them into a `judged_table` (`judge`), which
`confirm_by_simulation` mends for conversations; `least_replicas` and `gpu_count` say how many. `rank` orders
what keeps the limits; `recommendation` is the answer, `assessment` one row of it, `certainty_frontier` what
more certainty costs.
"""
