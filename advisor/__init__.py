"""quantadvise: which quantization format to deploy, on which GPU and how many, and how sure."""
