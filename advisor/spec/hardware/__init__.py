"""A GPU: what its data sheet says (`gpu`, `catalog`, `gpu_file` for one of the user's own) and what it
costs to rent (`prices`; `live_*` for those of many clouds that gpuhunt collects;
`whole_machine_prices` where a machine is rented whole).
"""
