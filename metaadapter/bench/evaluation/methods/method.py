"""A method with its name, its identity, and the record of its meta-training; what it may read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from episodes import EpisodeRows
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, LogitFunction
from metaadapter.bench.evaluation.sets.evaluation_set import (
    EvaluationSet,
    encoder_of_set,
    same_name,
)
from metaadapter.bench.peers.unknown_scores import Score
from metaadapter.data.decode import content_hash
from metaadapter.data.inputs import UnreadableImage
from metaadapter.errors import DataError
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.prompts import readable_name
from metaadapter.training.training_record import read_training_record

PictureAnswers = Callable[[Sequence[Path], Float[Tensor, "Q D"]], Float[Tensor, "Q N"]]
"""A function of picture files, and of their features from the frozen encoder; returns logits."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureTask:
    """A task with the files of its labelled pictures."""

    support: Support
    """Features of the labelled pictures and texts of the classes, from the frozen encoder."""
    paths: tuple[Path, ...]
    labels: Int[Tensor, " n"]
    """The class of each picture, 0 … N − 1."""
    names: tuple[str, ...]
    encoder: ImageEncoder


def picture_task(
    method: str, data: EvaluationSet, rows: EpisodeRows, support: Support
) -> PictureTask:
    """Return the single task of `rows` with its pictures, which `method` reads."""
    (support_NK,), (classes_N,) = rows.support_TNK, rows.classes_TN.tolist()
    is_picture_NK = support_NK >= 0
    return PictureTask(
        support=support,
        paths=files_of(method, data, support_NK[is_picture_NK]),
        labels=is_picture_NK.nonzero()[:, 0],
        names=tuple(readable_name(data.classes[number]) for number in classes_N),
        encoder=encoder_of_set(data, method),
    )


def files_of(method: str, data: EvaluationSet, pictures: Int[Tensor, " n"]) -> tuple[Path, ...]:
    """Return the files of a set's pictures; raise `DataError` if one is missing or has changed."""
    numbers = pictures.tolist()
    paths = tuple(Path(data.paths_n[number]) for number in numbers)
    for path, expected in zip(paths, data.contents_n[numbers], strict=True):
        try:
            content = content_hash(path)
        except UnreadableImage as error:
            raise DataError(
                f"{method} reads the pictures of the set {data.name} again, but {error}; give the "
                "command in the folder where they were encoded, encode them where they are now, or "
                f"leave {method} out of --methods"
            ) from error
        if content != expected:
            raise DataError(
                f"{method} reads the pictures of the set {data.name} again, but {path} has changed "
                "since it was encoded, or only a part of it was encoded; encode the pictures "
                f"again, or leave {method} out of --methods"
            )
    return paths


@dataclass(frozen=True, slots=True)
class MetaTraining:
    """The data sets and classes that determined a method's weights or settings."""

    stores: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    """The classes of these stores, as `same_name` writes them."""
    chosen_on: frozenset[str] = frozenset()
    """Data sets on which settings or a checkpoint were chosen."""
    pictures: frozenset[str] | None = frozenset()
    """The pictures of `stores`, as `short_hash` writes their hashes; None if none are recorded."""
    chosen_pictures: frozenset[str] | None = frozenset()
    """The same for the pictures of `chosen_on`."""


UNTRAINED = MetaTraining()
"""The record of most peers, which have their authors' settings and learn from the support only."""

# A data set with .large in its name has other pictures than the one without, and larger ones.
_SMALL = ("pacs-photo", "pacs-cartoon", "trashnet6")
# docs/reference/peers.md describes how.
META_PEERS_STUDIED = frozenset(
    ("tiny-imagenet-train", *_SMALL, *(f"{name}.large" for name in _SMALL))
)
"""Data sets on which the settings of the meta-trained peers were chosen."""

# docs/laboratory-notes/closed-form.md lists them.
CLOSED_FORM = MetaTraining(chosen_on=META_PEERS_STUDIED | {"omniglot56"}, chosen_pictures=None)
"""The record of the untrained generator; no report uses the sets that chose its constants."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A method or learner, with the record of the data that it was made from."""

    name: str
    """Its name in `--methods`, tables and reports."""
    identity: str
    """A text that changes with its weights and with code of the user."""
    fit: Any
    """Returns adapters, or a function that gives logits, for the supports of tasks."""
    meta_training: MetaTraining | None
    """The data that it was made from before its first task; None without a record."""
    sees_joint_alone: bool = False
    """Whether it sees only the joint block of features."""


@dataclass(frozen=True, slots=True)
class Method(Measured):
    """A few-shot method, which turns a support into adapters or into a function of queries."""

    fit: Callable[[Support], AdapterWeights | LogitFunction]
    sees_labelled_alone: bool = False
    """Whether it sees no pool."""
    unknown_score: Score | None = None
    """The score that tells known pictures from unknown ones; if None, the adapter's logit of known,
    or the largest probability for an adapter without this logit."""
    reads_words: bool = False
    """Whether `unknown_score` needs words in addition to the class names."""
    fit_pictures: Callable[[PictureTask], PictureAnswers] | None = None
    """Replaces `fit` for a method that reads the pictures themselves."""


def read_meta_training(
    folder: Path, chosen_on: frozenset[str] = frozenset()
) -> MetaTraining | None:
    """Read the record in or above the folder of a generator or peer; return None without a record.

    `chosen_on` are data sets that determined constants before the training and are in no record.
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
            _pictures(training),
            None if chosen_on else _pictures(validation),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path} is not the record of a training run ({error!r}); restore the file from a copy"
        ) from error


def _data_sets(sources: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Return the names of the sources' stores, and of the data sets that these are versions of.

    `photos/pacs.large` gives `pacs.large` and `pacs`, `pacs@raw` gives `pacs@raw` and `pacs`.
    """
    names = [Path(store).name.casefold() for source in sources for store in source["stores"]]
    return frozenset(names) | {re.split("[.@]", name)[0] for name in names}


def _pictures(sources: Sequence[Mapping[str, Any]]) -> frozenset[str] | None:
    """Return the hashes of the sources' pictures; None if a source with stores lists none."""
    if any("pictures" not in source for source in sources if source["stores"]):
        return None
    return frozenset(digits for source in sources for digits in source.get("pictures", ()))
