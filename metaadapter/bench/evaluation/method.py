"""What is measured: a few-shot head with its name and the record of what it was made with."""

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
from metaadapter.bench.peers.unknown.queries import Score
from metaadapter.errors import DataError
from metaadapter.training.run_folder import read_training_record


@dataclass(frozen=True, slots=True)
class MetaTraining:
    """Data sets and classes that decided a method's weights or settings."""

    stores: frozenset[str] = frozenset()
    """Data sets that it was trained on."""
    classes: frozenset[str] = frozenset()
    """Their classes, as `same_name` writes them."""
    chosen_on: frozenset[str] = frozenset()
    """Data sets by which settings or a checkpoint were chosen."""


UNTRAINED = MetaTraining()
"""Most peers: settings are their authors', and nothing is learned before the support is seen."""

# A name with .large has other pictures of the same data set, at a larger size.
_SMALL = ("pacs-photo", "pacs-cartoon", "trashnet6")
# docs/reference/peers.md tells how.
META_PEERS_STUDIED = frozenset(("tiny-imagenet-train", *_SMALL, *(f"{it}.large" for it in _SMALL)))
"""Data sets by which the settings of the meta-trained peers were chosen."""

# docs/explanation/closed-form.md names them.
CLOSED_FORM = MetaTraining(chosen_on=META_PEERS_STUDIED | {"omniglot56"})
"""The untrained generator: its constants were chosen on sets that nothing is reported on."""


@dataclass(frozen=True, slots=True)
class Method:
    """A few-shot head: support in, adapter out, or answers where it has no such form."""

    name: str
    """As it was asked for, and as rows and reports call it."""
    identity: str
    """Changes when its answers may: with its program, its constants or its weights."""
    fit: Callable[[Support], AdapterWeights | LogitFunction]
    """Not called where there is `fit_pictures`."""
    meta_training: MetaTraining | None
    """Data that the method itself was made with; None where nobody wrote it down."""
    sees_joint_alone: bool = False
    """Whether it gets the joint features alone where an encoder gives further blocks."""
    sees_labelled_alone: bool = False
    """Whether it gets no unlabelled picture where tasks have pools of them."""
    unknown_score: Score | None = None
    """What tells whether a picture shows one of the classes; if None, the head that its adapter has
    for it, or else the largest probability."""
    reads_words: bool = False
    """Whether that score needs words beside the class names."""
    fit_pictures: Callable[[PictureTask], PictureAnswers] | None = None
    """What is fitted to one task at a time if it sees the pictures themselves."""
    trained_by_hand: Callable[[int, int], int] | None = None
    """Numbers it trains for N classes of width D, if no torch optimizer does."""


def read_meta_training(
    folder: Path, chosen_on: frozenset[str] = frozenset()
) -> MetaTraining | None:
    """The record in or above the folder of a generator or peer; None where there is none.

    `chosen_on` are data sets that decided constants before the training, which no run records.

    Raises:
        DataError: The record cannot be read.
    """
    found = read_training_record(folder)
    if found is None:
        return None
    record, document = found
    try:
        data = document["data"]
        training = data["training"]
        judging = [*data["validation_classes"], *data["validation_domains"]]
        return MetaTraining(
            _data_sets(training),
            frozenset(same_name(name) for source in training for name in source["classes"]),
            chosen_on | _data_sets(judging),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{record}: expected the record of a training run with its data, got {error!r}"
        ) from error


def _data_sets(sources: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Names of the stores of sources, and of what they are another form of.

    `photos/pacs.large` gives `pacs.large` and `pacs`, `pacs@raw` gives `pacs@raw` and `pacs`.
    """
    names = [Path(store).name.casefold() for source in sources for store in source["stores"]]
    return frozenset(names) | {re.split("[.@]", name)[0] for name in names}
