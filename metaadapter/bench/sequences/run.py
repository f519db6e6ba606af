"""Evaluates continual learners on a sequence of tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.evaluation import Evaluation
from metaadapter.bench.evaluation.run import evaluate
from metaadapter.bench.sequences.sequence_bench import SequenceBench


def evaluate_continual(config: EvaluationConfig, folder: Path, **options: Any) -> Evaluation:
    """Run `evaluate` for a configuration with `continual`; the options are the same.

    Raises:
        UsageError: There is no such learner or device, or the user's own learner fails.
        DataError: A store cannot be used, or the folder holds something else.
        IncompatibleArtifact: Two stores are of different encoders.
    """
    return evaluate(config, folder, kind=SequenceBench, **options)
