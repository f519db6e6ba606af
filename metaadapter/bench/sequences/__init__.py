"""Sequences of tasks, learned one after the other: evaluation and report."""
