"""Methods measured on the same tasks of feature stores, and what their figures may claim."""

from metaadapter.evaluation.config import Cell, EvaluationConfig
from metaadapter.evaluation.integrity import Box
from metaadapter.evaluation.run import Evaluation, evaluate
from metaadapter.evaluation.summary import Estimate

__all__ = ["Box", "Cell", "Estimate", "Evaluation", "EvaluationConfig", "evaluate"]
