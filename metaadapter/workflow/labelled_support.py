"""The support of labelled pictures and of the texts of their classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import index
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Bool, Float

from metaadapter.adapter.support import Support
from metaadapter.adapter.unit_rows import unit_rows
from metaadapter.data.label_sets import shows_matrix
from metaadapter.errors import UsageError
from metaadapter.workflow.class_texts import sentence_features, text_features
from metaadapter.workflow.labelled_pictures import LabelledPictures
from metaadapter.workflow.sentence_weights import weigh_sentences

if TYPE_CHECKING:
    from metaadapter.features.image_encoder import ImageEncoder


def labelled_support(
    X: Float[np.ndarray, "n D"],
    labels: Sequence[Any] | Bool[np.ndarray, "n N"],
    classes: Sequence[Any],
    class_texts: Mapping[Any, Any] | None,
    encoder: ImageEncoder | None,
    *,
    logit_scale: float | None = None,
    blocks: Sequence[int] = (),
) -> Support:
    """Return the support in float32, in the order of `classes`, which may have no pictures.

    Labels are one of the classes for each row, or rows of `Support.shows_TPN`. `class_texts` is as
    for `text_features`. Rows of X have any length.
    """
    rows = unit_rows(X)
    if isinstance(labels, np.ndarray):
        targets = torch.from_numpy(labels)
        pictures, numbers = np.nonzero(labels)
    else:
        number_of = {label: number for number, label in enumerate(classes)}
        numbers = np.array([number_of[label] for label in labels], dtype=np.int64)
        targets, pictures = torch.from_numpy(numbers), np.arange(len(numbers))
    n_shots = np.bincount(numbers, minlength=len(classes))
    texts = text_features(class_texts, classes, X.shape[1], encoder)
    sentences = sentence_features(class_texts, classes, encoder)
    if sentences:
        texts = weigh_sentences(texts, sentences, rows.numpy()[pictures], numbers).astype(
            np.float32
        )
    unknown = np.flatnonzero((n_shots == 0) & ~texts.any(1))
    if len(unknown):
        raise UsageError(
            f"the class {classes[unknown[0]]!r} has no picture, and the encoder reads no texts; "
            "give the class a picture, or leave the class out"
        )
    blocks = _block_widths(blocks or getattr(encoder, "blocks", ()), X.shape[1])
    return Support.of_rows(
        rows,
        targets,
        torch.from_numpy(texts),
        logit_scale=logit_scale,
        blocks=blocks,
    )


def _block_widths(blocks: Any, width: int) -> tuple[int, ...]:
    """Check the widths of blocks of features that are `width` wide."""
    try:
        widths = tuple(map(index, blocks))
    except TypeError:
        widths = (0,)
    if widths and (min(widths) < 1 or sum(widths) != width):
        raise UsageError(
            f"expected the widths of blocks: positive whole numbers that add up to {width}, the "
            f"width of the features, got {blocks!r}; give the widths from the encoder or store "
            "that the features come from"
        )
    return widths


def support_of(
    labelled: LabelledPictures, names: Mapping[str, str | list[str]] | None
) -> tuple[Support, list[str]]:
    """Return the support of labelled pictures, and its classes in order."""
    pictures, origin = labelled.pictures, labelled.origin
    classes = sorted({*labelled.counts, *(names or {})})
    texts: Mapping[str, Any] | None = names
    if names is not None and labelled.stored_texts is not None:
        texts = {label: text for label, text in labelled.stored_texts.items() if label in names}
    width = pictures.features.shape[1]
    labels: Sequence[str] | Bool[np.ndarray, "n N"] = pictures.labels
    if labelled.several:
        labels = shows_matrix(pictures.labels, classes)
    support = labelled_support(
        pictures.features,
        labels,
        classes,
        texts,
        labelled.encoder,
        logit_scale=labelled.logit_scale,
        blocks=origin.look_widths(width),
    )
    return support, classes
