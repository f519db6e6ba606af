"""A few-shot method with its name, its identity, and the record of its meta-training."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, LogitFunction
from metaadapter.bench.evaluation.evaluation_set import same_name
from metaadapter.bench.evaluation.picture_task import PictureAnswers, PictureTask
from metaadapter.bench.peers.unknown_scores import Score
from metaadapter.errors import DataError
from metaadapter.training.training_record import read_training_record


@dataclass(frozen=True, slots=True)
class MetaTraining:
    """Data sets and classes that determined a method's weights or settings."""

    stores: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    """Their classes, as `same_name` writes them."""
    chosen_on: frozenset[str] = frozenset()
    """Data sets by which settings or a checkpoint were chosen."""


UNTRAINED = MetaTraining()
"""Most peers: they have their authors' settings and learn from the support alone."""

# A name with .large has other pictures of the same data set, at a larger size.
_SMALL = ("pacs-photo", "pacs-cartoon", "trashnet6")
# docs/reference/peers.md describes how.
META_PEERS_STUDIED = frozenset(
    ("tiny-imagenet-train", *_SMALL, *(f"{name}.large" for name in _SMALL))
)
"""Data sets by which the settings of the meta-trained peers were chosen."""

# docs/explanation/closed-form.md lists them.
CLOSED_FORM = MetaTraining(chosen_on=META_PEERS_STUDIED | {"omniglot56"})
"""The untrained generator; its constants were chosen on sets that no report uses."""


@dataclass(frozen=True, slots=True)
class Method:
    """A few-shot method: a support in, adapters or a function that answers out."""

    name: str
    """The name that `--methods`, rows and reports give it."""
    identity: str
    """Changes when its answers may change: with its program, constants or weights."""
    fit: Callable[[Support], AdapterWeights | LogitFunction]
    meta_training: MetaTraining | None
    """The data that the method was made from; None without a record."""
    sees_joint_alone: bool = False
    """Whether it sees the joint features alone where an encoder has further blocks."""
    sees_labelled_alone: bool = False
    unknown_score: Score | None = None
    """The score of known pictures; None for the adapter's own logit of known, or else the largest
    probability."""
    reads_words: bool = False
    """Whether that score needs words besides the class names."""
    fit_pictures: Callable[[PictureTask], PictureAnswers] | None = None
    trained_by_hand: Callable[[int, int], int] | None = None
    """N classes, width D → the trained numbers, for training without a torch optimizer."""


def read_meta_training(
    folder: Path, chosen_on: frozenset[str] = frozenset()
) -> MetaTraining | None:
    """The record in or above the folder of a generator or peer; None without a record.

    `chosen_on` are data sets that determined constants before the training, which no run records.
    """
    path_and_document = read_training_record(folder)
    if path_and_document is None:
        return None
    path, document = path_and_document
    try:
        data = document["data"]
        training = data["training"]
        validation = [*data["validation_classes"], *data["validation_domains"]]
        return MetaTraining(
            _data_sets(training),
            frozenset(same_name(name) for source in training for name in source["classes"]),
            chosen_on | _data_sets(validation),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: expected the record of a training run with its data, got {error!r}"
        ) from error


def _data_sets(sources: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Names of the stores of sources, and of the data sets that they are versions of.

    `photos/pacs.large` gives `pacs.large` and `pacs`, `pacs@raw` gives `pacs@raw` and `pacs`.
    """
    names = [Path(store).name.casefold() for source in sources for store in source["stores"]]
    return frozenset(names) | {re.split("[.@]", name)[0] for name in names}
