"""Few-shot tasks, drawn from labelled tables of features; only labels and tensors are needed."""

from episodes.class_split import ClassSplit, split_classes
from episodes.errors import EpisodeError
from episodes.evaluation_draws import nested_draws
from episodes.label_index import LabelIndex
from episodes.learn2learn_bridge import to_learn2learn
from episodes.mixture import Mixture
from episodes.sampler import EpisodeSampler
from episodes.source import TaskSource, synthetic_source
from episodes.spec import EpisodeSpec
from episodes.tasks import EpisodeBatch, EpisodeRows, Episodes, gather

__all__ = [
    "ClassSplit",
    "EpisodeBatch",
    "EpisodeError",
    "EpisodeRows",
    "EpisodeSampler",
    "EpisodeSpec",
    "Episodes",
    "LabelIndex",
    "Mixture",
    "TaskSource",
    "gather",
    "nested_draws",
    "split_classes",
    "synthetic_source",
    "to_learn2learn",
]
