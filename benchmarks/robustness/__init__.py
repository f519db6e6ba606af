"""Damage at random, to find silent wrong results: see docs/explanation/robustness.md."""
