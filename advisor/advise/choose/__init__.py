"""Every deployment predicted, judged against the limits, ranked or refused.

`question` says what may be chosen and by what, `space` lists the deployments, `evaluate` predicts them and
`limits` judges them into a `judged` table; `replicas` and `gpu_count` say how many. `rank` orders what keeps
the limits; `recommendation` is the answer, `assessment` one row of it, `certainty_frontier` what more
certainty costs.
"""
