"""Learners of task after task."""
