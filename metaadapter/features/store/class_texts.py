"""The text features of the classes of a store, also of cells with several labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import Float32

from metaadapter.data.label_sets import SEPARATORS, labels_in
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.prompts import names_at_a_time, readable_name
from metaadapter.files.progress import meter


def encode_class_texts(
    encoder: ImageEncoder,
    classes: Iterable[str],
    stored: Mapping[str, Float32[np.ndarray, " dim"]],
) -> dict[str, Float32[np.ndarray, " dim"]]:
    """Return the text feature of each class; stored ones are kept, as a thousand take minutes.

    A class such as "fox;snow" gets the unit mean of its labels, each of which is encoded once. One
    that names only what pictures do not show ("!fox") gets none.
    """
    texts = dict(stored)
    labels_of = {name: _labels(name) for name in classes if name not in texts}
    new = sorted({label for labels in labels_of.values() for label in labels} - texts.keys())
    size = names_at_a_time(encoder.templates)
    advance = meter("texts", len(new))
    encoded = dict(texts)
    for first in range(0, len(new), size):
        names = new[first : first + size]
        features = encoder.encode_texts([readable_name(name) for name in names])
        encoded |= zip(names, features, strict=True)
        if len(new) > size:
            advance(len(names))
    for name, labels in labels_of.items():
        if labels:
            mean: np.ndarray = np.mean([encoded[label] for label in labels], axis=0)
            # An encoder without a text tower returns rows of zeros.
            length = np.linalg.norm(mean) if len(labels) > 1 and mean.any() else 1
            texts[name] = (mean / length).astype(np.float32)
    return texts


def _labels(name: str) -> list[str]:
    return sorted(labels_in(name)) if SEPARATORS.search(name) else [name]
