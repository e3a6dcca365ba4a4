"""The serving engine: its release, its settings, and the defaults of each release."""
