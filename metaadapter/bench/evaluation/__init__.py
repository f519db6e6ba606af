"""Evaluation of methods on the same tasks of feature stores."""
