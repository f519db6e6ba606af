"""Continual learners: task after task, with a state that is a value and answers at any time."""

from metaadapter.continual.learner import Learner, kept_bytes
from metaadapter.continual.questions import Questions, gated, merged

__all__ = ["Learner", "Questions", "gated", "kept_bytes", "merged"]
