"""Attempts to make the program answer wrongly without a word: see docs/robustness.md."""
