"""The support of a task from labelled rows and what is said about the names of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Float32

from metaadapter.adapter import Support
from metaadapter.classifier.class_texts import text_features
from metaadapter.errors import UsageError

if TYPE_CHECKING:
    from metaadapter.features import ImageEncoder

__all__ = ["labelled_support", "unit_rows"]


def labelled_support(
    X: Float[np.ndarray, "n D"],
    labels: Sequence[Any],
    classes: Sequence[Any],
    class_texts: Mapping[Any, Any] | None,
    encoder: ImageEncoder | None,
    *,
    logit_scale: float | None = None,
    views: Float32[torch.Tensor, "n V D"] | None = None,
) -> Support:
    """The support in float32, its classes in the order of `classes`.

    Args:
        X: The features of the pictures, of any length.
        labels: The label of each picture.
        classes: All labels, of classes with pictures and without.
        class_texts: label → vector or name, as for `MetaAdapterClassifier`.
        encoder: Reads the names.
        logit_scale: The encoder's inverse temperature.
        views: Unit rows of the views of each picture.

    Raises:
        UsageError: A class has neither a picture nor a text, or a text cannot be used.
    """
    place = {label: number for number, label in enumerate(classes)}
    numbers = torch.tensor([place[label] for label in labels], dtype=torch.long)
    texts = text_features(class_texts, classes, X.shape[1], encoder)
    n_shots = np.bincount(numbers, minlength=len(classes))
    unknown = np.flatnonzero((n_shots == 0) & ~texts.any(1))
    if len(unknown):
        raise UsageError(
            f"nothing is known of the class {classes[unknown[0]]!r}: it has no picture, and "
            "the encoder knows no texts; give it a picture, or leave it out"
        )
    return Support.of_rows(
        unit_rows(X), numbers, torch.from_numpy(texts), logit_scale=logit_scale, views=views
    )


def unit_rows(X: Float[np.ndarray, "n *V D"]) -> Float32[torch.Tensor, "n *V D"]:
    """The rows scaled to length 1; a row of zeros stays."""
    rows = torch.from_numpy(np.array(X, dtype=np.float64))
    return torch.nn.functional.normalize(rows, dim=-1).float()
