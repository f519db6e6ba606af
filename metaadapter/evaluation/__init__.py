"""Methods measured on the same tasks of feature stores, and what their figures may claim."""

from metaadapter.evaluation.config import Cell, EvaluationConfig
from metaadapter.evaluation.estimate import Estimate
from metaadapter.evaluation.integrity import Box
from metaadapter.evaluation.run import Evaluation, evaluate

__all__ = ["Box", "Cell", "Estimate", "Evaluation", "EvaluationConfig", "evaluate"]
