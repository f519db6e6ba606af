"""Evaluation: measures methods on the same tasks, which are drawn from feature stores."""
