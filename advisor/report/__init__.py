"""Shows: results as tables, JSON, commands. No decisions."""
