"""Advice on the labelled pictures of a folder, a table or a feature store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from metaadapter.apps.advice.advice import Advice
from metaadapter.apps.advice.advise import advise
from metaadapter.apps.advice.left_out import MAX_PICTURES
from metaadapter.data.reader import read_images
from metaadapter.features.encoded_pictures import is_store, read_store
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.workflow.class_names import ClassNames
from metaadapter.workflow.fitting import support_of
from metaadapter.workflow.labelled_pictures import LabelledPictures, Selection, read_support


class AdvisedPictures(NamedTuple):
    """Labelled pictures and advice on them."""

    labelled: LabelledPictures
    advice: list[Advice[int]]
    """`Advice.pictures` are places in `labelled.pictures`."""
    n_listed: int
    """The number of pictures in the source, readable or not, drawn or not."""
    shots: int | None
    """The most pictures of a class that were drawn, because there are too many to compare; `None`
    if all were read."""


def advise_on_pictures(
    source: Path,
    load: Callable[..., ImageEncoder],
    *,
    encoder: str | None,
    split: str | None,
    progress: Callable[[Progress], None],
) -> AdvisedPictures:
    """Read labelled pictures as `adapt` does, and advise on them.

    The arguments and errors are those of `read_support`; `split` is that of its selection.
    """
    labels = _labels(source, split)
    shots = None if len(labels) <= MAX_PICTURES else max(1, MAX_PICTURES // len({*labels}))
    labelled = read_support(
        source,
        Selection(split, shots),
        load,
        encoder=encoder,
        reads_names=False,
        check_labels=lambda _: None,
        progress=progress,
    )
    pictures = labelled.pictures
    names = ClassNames().of(labelled.counts, labelled.descriptions)
    support, classes = support_of(labelled, names)
    texts = dict(zip(classes, support.text_TND[0].numpy(), strict=True))
    known = {label: text for label, text in texts.items() if text.any()}
    advice = advise(pictures.features, pictures.labels, known, blocks=support.blocks)
    return AdvisedPictures(labelled, advice, len(labels), shots)


def _labels(source: Path, split: str | None) -> list[str]:
    """The label of each picture, before any picture is encoded."""
    if is_store(source):
        labels = read_store(FeatureStore.open(source), split=split).labels
    else:
        labels = tuple(row.label or "" for row in read_images(source, split=split).rows)
    return [label for label in labels if label]
