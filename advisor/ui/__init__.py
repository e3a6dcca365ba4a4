"""The answer live in a browser on this machine: a question in, the page's parts out."""
