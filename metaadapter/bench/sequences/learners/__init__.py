"""Continual learners: each learns one task after the other."""
