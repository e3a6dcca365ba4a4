"""Seconds of one engine iteration: bytes, FLOP and launches of a deployment times the learnt efficiencies.

`work` counts what a deployment asks of its GPU, `parameters` lists what is learnt, `design` makes each
deployment's values of the learnt numbers, `step_time` puts them together.
"""
