"""The event simulation of vLLM's scheduler, request by request; the closed form of `serving/` is tested
against it.
"""
