"""Continual learners on sequences of tasks: evaluation and report."""
