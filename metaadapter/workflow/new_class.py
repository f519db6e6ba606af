"""Add a class to an adapter; the vectors and biases of its other classes stay."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from metaadapter.adapter.known import with_calibrated_head
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import Support
from metaadapter.adapter.unit_rows import SAME
from metaadapter.adapter.weights import AdapterWeights, KnownHead
from metaadapter.data.class_names import require_new_spelling
from metaadapter.errors import UsageError
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.workflow.class_texts import descriptions, text_names, text_of_new_class
from metaadapter.workflow.estimator_inputs import label_array, require_one_kind
from metaadapter.workflow.fit_adapter import (
    CUSTOM,
    generator_that_predicted,
    predict_adapter,
)


def require_addable(
    stored: StoredAdapter, label: Any, generator: str | Path | AdapterGenerator
) -> tuple[Support, AdapterGenerator]:
    """Check that `label` can be added; return the support and the generator of the adapter."""
    classes = stored.config.classes
    if isinstance(label, str) and not label.strip():
        raise UsageError(f"the label of the new class is blank ({label!r}); give it a name")
    if label in classes:
        raise UsageError(f"class {label!r} exists already; give a label other than {classes}")
    require_one_kind([*classes, label])
    if isinstance(label, str):
        require_new_spelling(label, map(str, classes))
    if stored.config.several is not None:
        raise UsageError(
            "a class is added to adapters of one label only, because nobody has said whether the "
            "old pictures show the new class; adapt again with the new class among their labels"
        )
    if stored.support is None:
        raise UsageError(
            "this adapter was saved without its support features, so no class can be added; "
            "fit it again from the pictures"
        )
    if generator == CUSTOM:
        raise UsageError(
            "the adapter was predicted by a generator of your own, whose code runs only "
            "if you trust it: load the adapter with generator=… (--generator) to add a class"
        )
    return stored.support, generator_that_predicted(generator, stored.config.generator_id)


def add_class(
    stored: StoredAdapter,
    label: Any,
    rows: Float32[Tensor, "n D"],
    text: Any,
    *,
    encoder: ImageEncoder | None,
    generator: str | Path | AdapterGenerator,
    picture_hashes: Sequence[str] = (),
) -> StoredAdapter:
    """Return the adapter with one more class, given by unit rows of pictures, a text, or both.

    The text is a name, [name, sentence, …] or a vector; `None` if the class has only pictures.
    """
    support, loaded = require_addable(stored, label, generator)
    config = stored.config
    texts = {} if text is None else {label: text}
    position = bisect_left(config.classes, label)
    vector = text_of_new_class(support, texts, label, rows, encoder)
    if not vector.any():
        if not len(rows):
            raise UsageError(
                f"the class {label!r} has no picture, and the encoder reads no texts, so its name "
                "says nothing; give the class a picture"
            )
        texts = {}
    classes = [*config.classes[:position], label, *config.classes[position:]]
    classes = np.asarray(label_array(classes)).tolist()
    n_before = int(support.present_TNK[0, :position].sum())
    hashes = stored.picture_hashes or ("",) * int(support.present_TNK.sum())
    weights, support = append_class(loaded, stored.weights, support, position, rows, vector)
    if config.inside is not None:
        weights = with_calibrated_head(weights, config.inside.calibration)
    names = {**config.texts, **texts}
    changes = {
        "classes": classes,
        "n_shots": support.present_TNK[0].sum(-1).tolist(),
        "n_unlabelled": support.n_pool,
        "class_names": text_names(names, classes),
        "descriptions": descriptions(names, classes),
    }
    return replace(
        stored,
        weights=weights,
        config=config.model_copy(update=changes),
        support=support,
        picture_hashes=(*hashes[:n_before], *picture_hashes, *hashes[n_before:]),
    )


def without_copies(
    pool: Float32[Tensor, "u D"], rows: Float32[Tensor, "n D"]
) -> Float32[Tensor, "kept D"]:
    """Return the unit rows of a pool that are not in `rows`; a saved pool is rounded."""
    if not len(rows) or not len(pool):
        return pool
    return pool[(pool @ rows.to(pool).T).amax(-1) < SAME]


def append_class(
    generator: AdapterGenerator,
    weights: AdapterWeights,
    support: Support,
    position: int,
    rows: Float32[Tensor, "n D"],
    text: Float32[Tensor, " D"],
) -> tuple[AdapterWeights, Support]:
    """Insert a class at `position`; the vectors and biases of the other classes do not change.

    The generator predicts an adapter of all classes. From it the new class takes its difference
    from the mean of the other classes, as softmax sees only such differences. Both adapters are
    fitted to the same targets, so vectors are taken at the old temperature. An adapter from names
    only has the encoder's temperature, which is fitted to no targets, so there logits are kept. The
    head that predicts the probability of known is that of the new prediction.
    """
    larger = _larger(support, position, rows, text)
    predicted = predict_adapter(generator, larger)
    to_scale = weights.logit_scale / predicted.logit_scale
    unit = to_scale.new_ones(()) if support.present_TNK.any() else 1 / to_scale

    def grown(old: Tensor, new: Tensor, factor: Tensor) -> Tensor:
        others = torch.cat([new[:position], new[position + 1 :]])
        return _insert(old, old.mean(0) + factor * (new[position] - others.mean(0)), position)

    fields: dict[str, Any] = {
        "classes": grown(weights.classes, predicted.classes, unit),
        "class_bias": grown(weights.class_bias, predicted.class_bias, unit * to_scale),
        **{name: getattr(predicted, name) for name in KnownHead._fields},
    }
    return replace(weights, **fields), larger


def _larger(
    support: Support, position: int, rows: Float32[Tensor, "n D"], text: Float32[Tensor, " D"]
) -> Support:
    """Return the support with one more class at `position`, shown by these pictures."""
    old_rows, labels = support.labelled_rows()
    labels = labels + (labels >= position)
    labels = torch.cat([labels, torch.full((len(rows),), position)])
    text_ND = _insert(support.text_TND[0], text, position)
    larger = Support.of_rows(torch.cat([old_rows, rows]), labels, text_ND, blocks=support.blocks)
    larger = replace(larger, logit_scale_T=support.logit_scale_T)
    if support.pool_TUD is not None:
        # The new pictures may come from the pool, and are labelled now.
        larger = larger.with_pool(without_copies(support.pool_TUD[0], rows))
    return larger


def _insert(rows: Tensor, row: Tensor, position: int) -> Tensor:
    return torch.cat([rows[:position], row[None], rows[position:]])
