"""The adapter of labelled pictures, by the same pure functions as `MetaAdapterClassifier`.

The classifier itself is not used: importing scikit-learn would take a fifth of the time in which
`metaadapter adapt` starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from metaadapter.adapter import AdapterConfig, StoredAdapter
from metaadapter.classifier.fine_tune import fine_tune_adapter
from metaadapter.classifier.labelled_support import labelled_support, text_names
from metaadapter.classifier.one_shot import predict_adapter
from metaadapter.generator import shared_generator
from metaadapter.task.labelled_pictures import LabelledPictures

__all__ = ["fit_adapter"]


def fit_adapter(
    labelled: LabelledPictures,
    names: Mapping[str, str] | None,
    *,
    mode: Literal["one_shot", "finetune"],
    generator: str,
) -> StoredAdapter:
    """Predict an adapter, and refine it if `mode` says so.

    Args:
        labelled: the pictures.
        names: label → name, of classes with pictures and without; `None` to learn from pictures
            alone.
        mode: as for `MetaAdapterClassifier`.
        generator: name of the generator.
    """
    pictures = labelled.pictures
    texts: Mapping[str, Any] | None = names
    if names is not None and labelled.stored_texts is not None:
        texts = {label: text for label, text in labelled.stored_texts.items() if label in names}
    classes = sorted({*pictures.labels, *(names or {})})
    support = labelled_support(
        pictures.features,
        pictures.labels,
        classes,
        texts,
        labelled.encoder,
        logit_scale=labelled.logit_scale,
    )
    loaded, identity = shared_generator(generator)
    if mode == "finetune":
        weights, n_steps = fine_tune_adapter(loaded, support)
    else:
        weights, n_steps = predict_adapter(loaded, support), 0
    config = AdapterConfig(
        classes=list(classes),
        width=pictures.features.shape[1],
        n_shots=support.present_TNK[0].sum(-1).tolist(),
        mode=mode,
        n_steps=n_steps,
        generator=generator,
        generator_id=identity,
        logit_scale=labelled.logit_scale,
        class_names=text_names(names, classes),
        origin=labelled.origin,
    )
    return StoredAdapter(weights, config, support, pictures.sha256)
