"""Jobs handed to the GPUs of this machine or of a Ray cluster, and the progress a person sees.

`executor` and `ray_executor` distribute `jobs`; a `deployment_session` measures one deployment, `bench_step`
by `bench_step`.
"""
