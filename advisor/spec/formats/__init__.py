"""A quantization format: how weights and activations are stored, on which GPUs it runs, and the recipe that
makes it.
"""
