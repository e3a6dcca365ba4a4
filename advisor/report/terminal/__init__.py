"""Answers as text for a terminal: tables, sentences, plots."""
