"""Meta-training of generators on very many small tasks."""

from metaadapter.training.config import TrainConfig
from metaadapter.training.config_file import config_differences, load_config, open_run
from metaadapter.training.objective import adapt_steps
from metaadapter.training.run import RunSummary, train
from metaadapter.training.validation import Moment, Validation

__all__ = [
    "Moment",
    "RunSummary",
    "TrainConfig",
    "Validation",
    "adapt_steps",
    "config_differences",
    "load_config",
    "open_run",
    "train",
]
