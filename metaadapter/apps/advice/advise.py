"""Advice on labelled pictures from their features, fast enough to run after every change.

To advise on the pictures of a fitted `MetaAdapterClassifier`, give `advise` the X and y of `fit`
and, if there are texts, a mapping from `classes_` to the rows of `support_.text_TND[0]`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain, filterfalse, groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from metaadapter.adapter.support import Support
from metaadapter.apps.advice.evidence import MAX_PICTURES, distances, evidence_of, left_out
from metaadapter.apps.advice.findings import groups_of_copies
from metaadapter.apps.advice.kinds import MOST, Advice, Adviser, on_copies
from metaadapter.data.reader import read_images
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import is_store, read_store
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.workflow.class_texts import ClassNames
from metaadapter.workflow.forecast import Expected, forecast_of
from metaadapter.workflow.labelled_pictures import (
    LabelledPictures,
    Reading,
    Selection,
    read_labelled,
)
from metaadapter.workflow.labelled_support import labelled_support, support_of


def advise(
    features: Float[np.ndarray, "n D"],
    labels: Sequence[str],
    texts: Mapping[str, Any] | None = None,
    *,
    blocks: Sequence[int] = (),
    is_settled: Callable[[Advice[int]], bool] = lambda _: False,
) -> list[Advice[int]]:
    """Return advice on labelled pictures, the most helpful first; nothing if all looks well.

    The advice does not depend on the order of pictures or classes, nor on a rotation of features.
    Every doubtful label has a piece. Of the other kinds there are at most three or five; more
    appear once these are followed.

    Args:
        features: One row for each picture; its norm does not matter.
        labels: The class of each picture.
        texts: class → feature of the class's name, from the same encoder. Classes without a picture
            may be included, and a class may lack a text.
        blocks: The widths of the blocks of features (`FeatureStore.blocks`).
        is_settled: Whether a person wants no more of a piece of advice.

    Raises:
        UsageError: There are fewer than two classes, or more pictures than `MAX_PICTURES`.
    """
    classes = sorted({*labels, *(texts or {})})
    if len(classes) < 2 or not 1 <= len(labels) <= MAX_PICTURES:
        raise UsageError(
            f"advice needs 1 to {MAX_PICTURES} pictures and at least two classes, got "
            f"{len(labels)} pictures and {len(classes)} classes; draw fewer pictures if needed"
        )
    support = labelled_support(features, labels, classes, texts, None, blocks=blocks)
    numbers = support.labelled_rows()[1].numpy()
    groups = groups_of_copies(distances(support), numbers)
    kept = _without_copies(numbers, groups)
    no_copies = len(kept) == len(labels)
    evidence = evidence_of(support if no_copies else _only(support, kept))

    @cache  # few sentences need it, and it takes as long as everything else
    def counted() -> Float[np.ndarray, "m N"]:
        return evidence.log_p if no_copies else left_out(support).log_p.numpy()[kept]

    adviser = Adviser(evidence, classes, [support.order[place] for place in kept], counted)
    pieces = chain(
        adviser.on_labels(),
        on_copies(numbers, groups, classes, support.order),
        adviser.on_needs(),
        adviser.on_confusions(),
        adviser.on_names(texts or {}),
    )
    by_kind = groupby(filterfalse(is_settled, pieces), lambda piece: piece.kind)
    return [piece for kind, of_kind in by_kind for piece in islice(of_kind, MOST.get(kind))]


def _without_copies(numbers: Int[np.ndarray, " m"], groups: Sequence[Sequence[int]]) -> list[int]:
    """Drop copies: keep the first in one class, none if their classes differ; empty no class."""
    firsts = np.flatnonzero(np.diff(numbers, prepend=-1)).tolist()
    dropped: set[int] = set()
    for group in groups:
        dropped |= {*(group if len({*numbers[group]}) > 1 else group[1:])}
    remaining = {
        *numbers[[place for place in range(len(numbers)) if place not in dropped]].tolist()
    }
    dropped -= {place for place in firsts if int(numbers[place]) not in remaining}
    return [place for place in range(len(numbers)) if place not in dropped]


def _only(support: Support, kept: Sequence[int]) -> Support:
    """Restrict the single task of a support to these pictures, which are numbered by class."""
    places = support.present_TNK.flatten().nonzero()[:, 0]
    mask = torch.zeros(support.present_TNK.numel(), dtype=torch.bool)
    mask[places[list(kept)]] = True
    return support.kept(mask.view_as(support.present_TNK))


class AdvisedPictures(NamedTuple):
    """Labelled pictures and advice on them."""

    labelled: LabelledPictures
    advice: list[Advice[int]]
    """`Advice.pictures` are indices into `labelled.pictures`."""
    n_listed: int
    """The number of pictures in the source, including unreadable ones and those not drawn."""
    shots: int | None
    """The most pictures drawn from a class, if there were too many to compare; else `None`."""
    forecast: tuple[Expected, ...]
    """The accuracy to expect of new pictures, now and with more labels."""


def advise_on_pictures(
    source: Path,
    load: Callable[..., ImageEncoder],
    selection: Selection,
    *,
    encoder: str | None,
    reads_names: bool,
) -> AdvisedPictures:
    """Read labelled pictures as `adapt` does, and advise on them.

    `reads_names` loads the encoder of a store, to read names with other prompts.
    """
    labels = _labels(source)
    shots = None if len(labels) <= MAX_PICTURES else max(1, MAX_PICTURES // len({*labels}))
    reading = Reading(load, replace(selection, shots=shots))
    labelled = read_labelled(source, reading, encoder=encoder, reads_names=reads_names)
    pictures = labelled.pictures
    names = ClassNames().of(labelled.counts, labelled.descriptions)
    support, classes = support_of(labelled, names)
    texts = dict(zip(classes, support.text_TND[0].numpy(), strict=True))
    known = {label: text for label, text in texts.items() if text.any()}
    advice = advise(pictures.features, pictures.labels, known, blocks=support.blocks)
    groups = [picture.group for picture in pictures.pictures]
    return AdvisedPictures(labelled, advice, len(labels), shots, forecast_of(support, groups))


def _labels(source: Path) -> list[str]:
    if is_store(source):
        labels = read_store(FeatureStore.open(source)).labels
    else:
        labels = tuple(row.label or "" for row in read_images(source).rows)
    return [label for label in labels if label]
