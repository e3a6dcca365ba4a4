"""A fleet of several kinds of GPU in words, and the whole answer to --allow-mixed."""
