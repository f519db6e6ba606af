"""Continual learners on sequences of tasks: their evaluation and its report."""
