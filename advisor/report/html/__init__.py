"""The answer as one page of HTML that needs nothing from outside."""
