"""Few-shot tasks over labelled feature tables: a leaf that knows labels, rows and tensors only."""

from episodes.batch import EpisodeBatch
from episodes.class_split import ClassSplit, split_classes
from episodes.cross_domain import cross_domain_draws
from episodes.errors import EpisodeError
from episodes.gather import Episodes, gather
from episodes.guard import Guard
from episodes.label_index import LabelIndex
from episodes.learn2learn_bridge import from_learn2learn, to_learn2learn
from episodes.mixture import Mixture
from episodes.nested_shots import nested_draws
from episodes.rows import EpisodeRows
from episodes.sampler import EpisodeSampler
from episodes.source import TaskSource
from episodes.spec import EpisodeSpec
from episodes.synthetic import gaussian_tasks, synthetic_source

__all__ = [
    "ClassSplit",
    "EpisodeBatch",
    "EpisodeError",
    "EpisodeRows",
    "EpisodeSampler",
    "EpisodeSpec",
    "Episodes",
    "Guard",
    "LabelIndex",
    "Mixture",
    "TaskSource",
    "cross_domain_draws",
    "from_learn2learn",
    "gather",
    "gaussian_tasks",
    "nested_draws",
    "split_classes",
    "synthetic_source",
    "to_learn2learn",
]
