"""Goes and looks: the only code that starts a tool."""
