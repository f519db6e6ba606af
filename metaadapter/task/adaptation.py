"""From labelled pictures, wherever they are, to an adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from metaadapter.classifier import MetaAdapterClassifier
from metaadapter.features import FeatureStore, FrozenEncoder, Progress, is_store
from metaadapter.images import read_images
from metaadapter.task.labelled_pictures import (
    LabelledPictures,
    Selection,
    encode_labelled,
    read_labelled,
)

__all__ = ["fit_adapter", "read_support"]


def read_support(
    source: Path,
    selection: Selection,
    load: Callable[[str], FrozenEncoder],
    *,
    encoder: str | None,
    reads_names: bool,
    check_labels: Callable[[tuple[str, ...]], object],
    progress: Callable[[Progress], None] | None = None,
) -> LabelledPictures:
    """Encode labelled pictures, or take them from a feature store.

    Args:
        source: a folder, manifest, CoOp split or feature store.
        selection: which pictures are used, and how they are seen.
        load: gives the encoder of a name.
        encoder: name of the encoder; that of the store, or `tiny`, by default.
        reads_names: names are given beside those in the store, so that its encoder is needed.
        check_labels: raises if the labels are not what is needed, before pictures are encoded.
        progress: called after each batch that is encoded.
    """
    if is_store(source):
        store = FeatureStore.open(source)
        needed = encoder is not None or reads_names
        return read_labelled(store, load(encoder or store.encoder) if needed else None, selection)
    table = read_images(source, split=selection.split)
    check_labels(table.classes)
    return encode_labelled(table, load(encoder or "tiny"), selection, progress)


def fit_adapter(
    labelled: LabelledPictures,
    names: Mapping[str, str] | None,
    *,
    mode: Literal["one_shot", "finetune"],
    generator: str,
) -> MetaAdapterClassifier:
    """Predict the adapter from pictures and names of classes; from pictures alone for `None`."""
    texts: Mapping[str, Any] | None = names
    if names is not None and labelled.stored_texts is not None:
        texts = {label: labelled.stored_texts[label] for label in names}
    classifier = MetaAdapterClassifier(
        texts,
        mode=mode,
        generator=generator,
        encoder=labelled.encoder,
        logit_scale=labelled.logit_scale,
    )
    return classifier.fit(labelled.pictures.features, labelled.pictures.labels)
