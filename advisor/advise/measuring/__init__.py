"""Which measurement improves the choice most for the GPU time it takes."""
