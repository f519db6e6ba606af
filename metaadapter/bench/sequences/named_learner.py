"""What a sequence of tasks is given to: a learner with its name and record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metaadapter.bench.evaluation.method import MetaTraining
from metaadapter.bench.sequences.learners.learner import Learner


@dataclass(frozen=True, slots=True)
class NamedLearner:
    """A learner with its name and the record of what it was made with."""

    name: str
    """As it was asked for, and as rows and reports call it."""
    identity: str
    """Changes when its answers may."""
    learner: Learner[Any]
    meta_training: MetaTraining | None
    """Data that it was made with before it saw a task; None where nobody wrote it down."""
    sees_joint_alone: bool = False
    """Whether it gets the joint features alone where an encoder gives further blocks."""
