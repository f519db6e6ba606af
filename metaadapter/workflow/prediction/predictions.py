"""Make predictions from features: best class, runner-up, probability of known, and sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch.nn.functional import normalize

from metaadapter.adapter.known import (
    known_and_unfamiliar,
    known_logits,
    known_threshold,
    place_of_none,
    prediction_sets,
    require_fraction,
)
from metaadapter.adapter.label_tree import SureAnswer
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.weights import (
    AdapterWeights,
    class_probabilities,
    classify,
    shown_labels,
)
from metaadapter.data.crop import Box
from metaadapter.data.label_sets import NO_LABEL, SEPARATOR
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.workflow.influence import Why, why_no_reasons

UNKNOWN = "unknown"
"""The label of a picture that shows none of the classes."""
NONE_OF_THESE = NO_LABEL
"""The class of labelled pictures that show no other class (docs/explanation/unknown.md)."""


class Prediction(NamedTuple):
    """The prediction for one picture, or for one box of it."""

    path: str
    """The picture's path as it was given."""
    label: str
    """The most probable class."""
    probability: float
    runner_up: str
    """The second most probable class."""
    runner_up_probability: float
    in_support: bool
    """Whether the adapter was predicted from this very picture."""
    probabilities: dict[str, float]
    """Class → probability, in the adapter's order; they sum to 1, except with several labels."""
    true_label: str = ""
    """The picture's own class; "" where it is not known."""
    known: float | None = None
    """The probability that the picture shows one of the classes; `None` if the adapter cannot
    predict it."""
    unfamiliar: bool = False
    """Whether `known` is below the threshold, or the picture looks like those of no class."""
    set: tuple[str, ...] | None = None
    """The classes that the picture may show, the most probable first; `None` without a coverage."""
    box: Box | None = None
    """The part of the picture that was classified; `None` for the whole picture."""
    detected: str | None = None
    """The detector's category of the box; `None` without a detector, or without a box."""
    confidence: float | None = None
    """The detector's confidence."""
    time: str | None = None
    """The time when the picture was taken (ISO 8601), if times are read and the file has one."""
    series: str | None = None
    """The name of the series that the picture is in, if series are formed."""
    animal: int | None = None
    """The number of the box's animal in its series; `None` for a picture without a series."""
    source: str | None = None
    """The origin of a box's label: `adapter`, `detector`, `SpeciesNet` (a species that is no
    class), or on the page a `person`; `None` without a detector."""
    sha256: str = ""
    """The content hash of the picture or box; "" if it was not encoded."""
    sure: SureAnswer | None = None
    """The answer at the deepest sure node of the label tree; `None` without a tree."""
    labels: tuple[str, ...] | None = None
    """With several labels a picture: the classes that it shows, the most probable first; `label`
    joins them, and the runner-up is the most probable other class. `None` with one label."""
    why: Why | None = None
    """The labelled pictures that the answer rests on; `None` if they are not asked for."""

    @property
    def rejected(self) -> Prediction:
        """This prediction with the label `UNKNOWN`; the label it had is the runner-up."""
        return self._replace(
            label=UNKNOWN,
            probability=1 - (self.known or 0.0),
            runner_up=self.label,
            runner_up_probability=self.probability,
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; most fields after `unfamiliar` are left out if they have no value."""
        nested = {"sure": self.sure and self.sure.to_dict(), "why": self.why and self.why.to_dict()}
        return {
            key: value
            for key, value in (self._asdict() | nested).items()
            if key not in NOT_IN_JSON and (value is not None or key not in IF_KNOWN)
        }


NOT_IN_JSON = ("true_label", "sha256")
OF_FRAMES = ("box", "detected", "confidence", "time", "series", "animal", "source")
IF_KNOWN = (*OF_FRAMES, "sure", "labels", "why")
SURE = 0.9
"""How probable an answer of a label tree must be."""


@dataclass(frozen=True, slots=True, eq=False)
class Probabilities:
    """For each of n pictures, the probabilities of C classes and the probability of known."""

    classes_NC: Float[np.ndarray, "n C"]
    known_N: Float[np.ndarray, " n"] | None
    """`None` if the adapter cannot predict the probability of known."""


@dataclass(frozen=True, slots=True)
class PredictionOptions:
    """Options for unknown pictures and for sets of classes."""

    reject: bool = False
    """Whether unfamiliar pictures get the label `UNKNOWN`."""
    keep: float | None = None
    """The fraction of known pictures that count as familiar; by default the adapter decides."""
    coverage: float | None = None
    """The fraction of pictures whose true class must be in their set; `None` makes no sets."""
    sure: float | None = None
    """How probable the answer of a label tree must be; `None` means `SURE`."""
    why: bool = False
    """Whether predictions say which labelled pictures they rest on."""

    def require(self, stored: StoredAdapter, owner: Path | str) -> None:
        """Raise a `UsageError` unless the adapter `owner` supports these options."""
        if self.reject and UNKNOWN in map(str, stored.config.classes):
            raise UsageError(
                f"the adapter {owner} has a class {UNKNOWN!r}, and reject (--reject) gives this "
                "label too; adapt again with another name for the class, or leave reject out"
            )
        if self.why and (obstacle := why_no_reasons(stored)):
            raise UsageError(
                f"the adapter {owner} cannot say which pictures an answer rests on (why, --why): "
                f"{obstacle}; leave why out"
            )
        if self.sure is not None:
            require_fraction(self.sure, "sure (--sure)")
            if stored.config.tree is None:
                raise UsageError(
                    f"the adapter {owner} has no label tree, which sure (--sure) needs; adapt "
                    "again with tree (--tree), or leave sure out"
                )
        if stored.weights.known_head is None:
            if self.reject or self.keep is not None or self.coverage is not None:
                raise UsageError(
                    f"the adapter {owner} cannot tell what is unknown, which reject (--reject), "
                    "keep (--keep) and coverage (--sets) need, because it gives several labels, or "
                    "a generator of your own made it; leave these out"
                )
            return
        fractions = {"keep (--keep)": self.keep, "coverage (--sets)": self.coverage}
        for name, fraction in fractions.items():
            if fraction is not None:
                require_fraction(fraction, name)


def predict_pictures(
    stored: StoredAdapter,
    pictures: EncodedPictures,
    options: PredictionOptions | None = None,
    reconsider: Callable[[Probabilities], Probabilities] = lambda probabilities: probabilities,
) -> list[Prediction]:
    """Return one prediction for each picture, in the order of `pictures`.

    `reconsider` may change the probabilities, for example to their mean over a series of frames.
    """
    probabilities = reconsider(predict_probabilities(pictures.features, stored.weights))
    classes = [str(label) for label in stored.config.classes]
    support, rows_NC = {*stored.picture_hashes} - {""}, probabilities.classes_NC
    answers = sure_answers(stored, rows_NC, options)
    return [
        prediction._replace(
            path=picture.path,
            in_support=picture.sha256 in support,
            probabilities=dict(zip(classes, row, strict=True)),
            true_label=picture.label,
            sha256=picture.sha256,
            sure=answer,
        )
        for picture, row, prediction, answer in zip(
            pictures.pictures,
            map(np.ndarray.tolist, rows_NC),
            best_classes(classes, probabilities, stored.weights, options),
            answers,
            strict=True,
        )
    ]


def sure_answers(
    stored: StoredAdapter,
    rows_NC: Float[np.ndarray, "n C"],
    options: PredictionOptions | None = None,
) -> Sequence[SureAnswer | None]:
    """Return the sure answers of the adapter's label tree; `None` for each without a tree."""
    tree, least = stored.config.class_tree, (options or PredictionOptions()).sure
    if tree is None:
        return [None] * len(rows_NC)
    return tree.sure_answers(rows_NC, SURE if least is None else least)


def predict_probabilities(
    features: Float[np.ndarray, "n D"], weights: AdapterWeights
) -> Probabilities:
    """Return the probabilities for rows of features, in float64."""
    exact = weights.to(dtype=torch.float64)
    rows_ND = normalize(torch.from_numpy(features).double(), dim=-1)
    logits_NC = classify(rows_ND, exact)
    known_N = None
    if weights.known_head is not None:
        known_N = known_logits(rows_ND, exact, logits_NC).sigmoid().numpy()
    return Probabilities(class_probabilities(logits_NC, exact).numpy(), known_N)


def best_classes(
    classes: Sequence[str],
    probabilities: Probabilities,
    weights: AdapterWeights,
    options: PredictionOptions | None = None,
) -> list[Prediction]:
    """Return predictions from probabilities, without paths and other facts about the pictures.

    The answer is what `shown_labels` says, and the runner-up the most probable other class. Of
    equally probable classes, the first in the adapter's order counts as the best.
    """
    options = options or PredictionOptions()
    rows_NC, known_N = probabilities.classes_NC, probabilities.known_N
    n = len(rows_NC)
    all_known: list[float | None] = [None] * n
    all_unfamiliar = [False] * n
    sets: list[tuple[str, ...] | None] = [None] * n
    if known_N is not None:
        columns = known_and_unfamiliar(
            torch.from_numpy(rows_NC),
            torch.from_numpy(known_N),
            known_threshold(weights, options.keep),
            place_of_none(classes),
        )
        all_known, all_unfamiliar = (column.tolist() for column in columns)
        if options.coverage is not None:
            rows = torch.from_numpy(rows_NC).double()
            is_in_NC = prediction_sets(rows, weights, options.coverage).numpy()
            sets = [_sorted(classes, *row) for row in zip(rows_NC, is_in_NC, strict=True)]
    shown_NC = shown_labels(torch.from_numpy(rows_NC), weights).numpy()
    labels: list[tuple[str, ...] | None] = [None] * n
    if weights.label_thresholds is not None:
        labels = [_sorted(classes, *row) for row in zip(rows_NC, shown_NC, strict=True)]
    best = (
        np.where(among_NC, rows_NC, -1.0).argmax(1).tolist() for among_NC in (shown_NC, ~shown_NC)
    )
    predictions = [
        Prediction(
            "",
            label=classes[first] if several is None else SEPARATOR.join(several) or NO_LABEL,
            # Without a label, the answer is as probable as that no class is shown.
            probability=float(row[first] if shown[first] else np.prod(1 - row)),
            runner_up="" if shown[second] else classes[second],
            runner_up_probability=0.0 if shown[second] else float(row[second]),
            in_support=False,
            probabilities={},
            known=known,
            unfamiliar=unfamiliar,
            set=in_set,
            labels=several,
        )
        for first, second, row, shown, known, unfamiliar, in_set, several in zip(
            *best, rows_NC, shown_NC, all_known, all_unfamiliar, sets, labels, strict=True
        )
    ]
    return [
        prediction.rejected if options.reject and prediction.unfamiliar else prediction
        for prediction in predictions
    ]


def _sorted(
    classes: Sequence[str], row: Float[np.ndarray, " C"], is_in: Bool[np.ndarray, " C"]
) -> tuple[str, ...]:
    """Return the classes of a mask, the most probable first."""
    return tuple(classes[number] for number in np.argsort(-row, kind="stable") if is_in[number])
