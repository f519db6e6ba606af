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

from metaadapter.adapter.config import SeveralConfig
from metaadapter.adapter.known import with_calibrated_head
from metaadapter.adapter.label_tree import LabelTree
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import Support
from metaadapter.adapter.unit_rows import SAME
from metaadapter.adapter.weights import AdapterWeights, KnownHead
from metaadapter.data.class_names import require_new_spelling
from metaadapter.data.label_sets import NO_LABEL, is_one_label
from metaadapter.errors import UsageError
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.workflow.class_texts import descriptions, text_names, text_of_new_class
from metaadapter.workflow.estimator_inputs import label_array, require_one_kind
from metaadapter.workflow.fit_adapter import CUSTOM, generator_that_predicted, predict_adapter
from metaadapter.workflow.fit_several import constants_of
from metaadapter.workflow.new_label import append_label
from metaadapter.workflow.tree_evidence import towards_parents, with_siblings


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
    if stored.config.several is not None and isinstance(label, str) and not is_one_label(label):
        raise UsageError(
            f"expected one label without ';', '|', '!' in front or spaces around it, and not "
            f"{NO_LABEL!r}, got {label!r}; give another label"
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
    if stored.labelled is not None and not len(rows):
        raise UsageError(
            f"the class {label!r} has no picture, and with several labels a name alone does not "
            "tell how probable a class is; give pictures of the class"
        )
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
    tree = None if config.tree is None else LabelTree(config.tree)
    classes = np.asarray(label_array(_inserted(config.classes, position, label))).tolist()
    if tree is not None and not len(rows) and encoder is not None and support.present_TNK.any():
        parent = tree.parents.get(str(label))
        vector = towards_parents(vector[None], [parent], encoder)[0] if parent else vector
    labelled, n_shown = None, len(rows)
    if stored.labelled is not None:
        grown = append_label(stored, constants_of(loaded), position, rows, vector)
        weights, support, labelled = grown
        n_shown = int(labelled.shows_NC[:, position].sum())
    else:
        weights, support = append_class(loaded, stored.weights, support, position, rows, vector)
    if tree is not None:
        pictured_N = support.present_TNK[0].any(-1)
        weights = with_siblings(weights, pictured_N, classes, tree, only=label)
    if config.inside is not None:
        weights = with_calibrated_head(weights, config.inside.calibration)
    names = {**config.texts, **texts}
    changes = {
        "classes": classes,
        "n_shots": _inserted(config.n_shots, position, n_shown),
        "n_unlabelled": support.n_pool,
        "class_names": text_names(names, classes),
        "descriptions": descriptions(names, classes),
    }
    if labelled is not None:
        changes["several"] = SeveralConfig(n_pictures=len(labelled.rows_ND), partial=True)
    return replace(
        stored,
        weights=weights,
        config=config.model_copy(update=changes),
        support=support,
        labelled=labelled,
        picture_hashes=(*stored.picture_hashes, *picture_hashes),
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
    only has the encoder's temperature, which is fitted to no targets, so differences of logits are
    kept instead. The head that predicts the probability of known is that of the new prediction.
    """
    old_rows, old_labels = support.labelled_rows()
    larger = Support.of_rows(
        torch.cat([old_rows, rows]),
        torch.cat([old_labels + (old_labels >= position), torch.full((len(rows),), position)]),
        _insert(support.text_TND[0], text, position),
        blocks=support.blocks,
    )
    larger = replace(larger, logit_scale_T=support.logit_scale_T)
    if support.pool_TUD is not None:
        # The new pictures may come from the pool, and are labelled now.
        larger = larger.with_pool(without_copies(support.pool_TUD[0], rows))
    predicted = predict_adapter(generator, larger)
    to_scale = weights.logit_scale / predicted.logit_scale
    unit = to_scale.new_ones(()) if len(old_rows) else 1 / to_scale
    new_bias = unit * to_scale * _above_others(predicted.class_bias, position)
    new_vector = unit * _above_others(predicted.classes, position)
    grown = replace(
        weights,
        classes=_insert(weights.classes, weights.classes.mean(0) + new_vector, position),
        class_bias=_insert(weights.class_bias, weights.class_bias.mean(0) + new_bias, position),
        **_grown_cache(weights, predicted, position, unit),
        **{name: getattr(predicted, name) for name in KnownHead._fields},
    )
    return grown, larger


def _above_others(rows: Tensor, position: int) -> Tensor:
    return rows[position] - (rows.sum(0) - rows[position]) / (len(rows) - 1)


def _grown_cache(
    weights: AdapterWeights, predicted: AdapterWeights, position: int, unit: Tensor
) -> dict[str, Tensor]:
    """Return the cache of the larger adapter: old entries, then those of the new prediction.

    The value of an old entry for the new class is the mean of its values for the other classes. A
    new entry has a value only for the new class.
    """
    if predicted.cache is None:
        return {}
    new_keys, new_values, _, new_beta = predicted.cache
    nothing = new_keys[:0], new_values[:0, 1:], weights.logit_scale, new_beta[:0]
    keys, values, alpha, beta = weights.cache or nothing
    to_new_class = torch.zeros_like(new_values)
    to_new_class[:, position] = unit * _above_others(new_values.mT, position)
    return {
        "keys": torch.cat([keys, new_keys]),
        "values": torch.cat([_insert(values.mT, values.mean(1), position).mT, to_new_class]),
        "alpha": alpha,
        "beta": torch.cat([beta, new_beta]),
    }


def _insert(rows: Tensor, row: Tensor, position: int) -> Tensor:
    return torch.cat([rows[:position], row[None], rows[position:]])


def _inserted(items: Sequence[Any], position: int, item: Any) -> list[Any]:
    return [*items[:position], item, *items[position:]]
