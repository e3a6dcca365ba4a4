"""One chart a module, each with a title, a sentence and the same figures as a table."""
