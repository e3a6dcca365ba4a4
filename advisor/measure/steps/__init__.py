"""One step each: the plan, quantizing, serving, benchmarking, scoring, calibrating; command, parser and
runner of each.
"""
