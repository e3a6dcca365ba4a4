"""Jobs handed to the GPUs of this machine or of a Ray cluster, and the progress a person sees."""
