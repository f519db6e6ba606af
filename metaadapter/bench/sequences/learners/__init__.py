"""Continual learners, which learn one task after the other."""
