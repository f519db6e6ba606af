"""Predict an adapter from a support or labelled pictures, with all that is stored with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float32, Int8

from metaadapter.adapter.adapted_encoder import TowerParts, parts_of
from metaadapter.adapter.config import AdapterConfig, SeveralConfig
from metaadapter.adapter.known import calibrated
from metaadapter.adapter.label_tree import LabelTree
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import SHOWN, UNKNOWN, Support
from metaadapter.adapter.unit_rows import unit_rows
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.data.label_sets import LabelSets
from metaadapter.data.user_code import user_code_and_folder
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.features.origin import Origin
from metaadapter.features.views import look_widths
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.pretrained import generator_folder, recorded_name, shared_generator
from metaadapter.workflow.choose_n_steps import fine_tune_adapter
from metaadapter.workflow.class_texts import (
    descriptions,
    sentence_features,
    text_features,
    text_names,
)
from metaadapter.workflow.gradient_steps import FineTune
from metaadapter.workflow.known_by_group import first_of_groups, with_known_head
from metaadapter.workflow.labelled_pictures import LabelledPictures
from metaadapter.workflow.sentence_weights import weigh_sentences
from metaadapter.workflow.tree_evidence import with_parents_names, with_siblings

if TYPE_CHECKING:
    from metaadapter.features.image_encoder import ImageEncoder

Mode = Literal["one_shot", "finetune"]
CUSTOM = "custom"
"""The name that a stored adapter gives to a generator that is an object or a user's code."""


def predict_adapter(generator: AdapterGenerator, support: Support) -> AdapterWeights:
    """Predict the adapter of a single task, without a task axis, in float64 on the CPU."""
    try:
        batch = generator.predict(support.to(device=generator.device).exact)
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
        raise _out_of_bounds(str(error)) from error
    adapter = batch.task(0).to(device="cpu", dtype=torch.float64)
    if not all(tensor.isfinite().all() for tensor in adapter.tensors().values()):
        raise _out_of_bounds("a weight of the adapter would be NaN or infinite")
    return adapter


def labelled_support(
    X: Float[np.ndarray, "n D"],
    labels: Sequence[Any] | Int8[np.ndarray, "n N"],
    classes: Sequence[Any],
    class_texts: Mapping[Any, Any] | None,
    encoder: ImageEncoder | None,
    *,
    logit_scale: float | None = None,
    views: Float32[torch.Tensor, "n V D"] | None = None,
    blocks: Sequence[int] = (),
) -> Support:
    """Return the support in float32, in the order of `classes`, which may have no pictures.

    Labels are one of the classes for each row, or rows of `Support.labels_TPN`. `class_texts` is as
    for `text_features`. Rows of X have any length, `views` have length 1.
    """
    rows = unit_rows(X)
    if isinstance(labels, np.ndarray):
        targets = torch.from_numpy(labels)
        pictures, numbers = np.nonzero(labels == SHOWN)
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
        views=views,
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


def fit_support(
    support: Support,
    classes: Sequence[Any],
    *,
    names: Mapping[Any, Any] | None,
    logit_scale: float | None,
    mode: Mode = "one_shot",
    generator: str | Path | AdapterGenerator = "default",
    fine_tuning: FineTune | None = None,
    origin: Origin | None = None,
    parts: TowerParts | None = None,
    picture_hashes: Sequence[str] = (),
    groups: Sequence[str] = (),
    tree: LabelTree | None = None,
) -> StoredAdapter:
    """Predict the adapter of one task, and refine it in mode `"finetune"`.

    The adapter stores `names` (label → name, or [name, sentence, …]) but no vectors among them, and
    no names that the encoder does not read.
    `groups` are as for `first_of_groups`. With a `tree`, classes without a picture share the
    evidence of their siblings.
    """
    loaded, identity = shared_generator(generator)
    parts = parts or TowerParts()
    if mode == "finetune":
        weights, n_steps = fine_tune_adapter(loaded, support, fine_tuning)
    else:
        weights, n_steps = predict_adapter(loaded, support), 0
        if weights.known_head and (first := first_of_groups(support, groups)) is not None:
            weights = with_known_head(weights, predict_adapter(loaded, first))
    if parts.inside is not None and support.present_TNK.any():
        weights = calibrated(weights, parts.inside.calibration)
    if tree is not None:
        weights = with_siblings(weights, support.present_TNK[0].any(-1), classes, tree)
    read = names if support.text_TND.any() else None
    config = AdapterConfig(
        classes=[*classes],
        width=support.text_TND.shape[-1],
        n_shots=support.present_TNK[0].sum(-1).tolist(),
        n_unlabelled=support.n_pool,
        mode=mode,
        n_steps=n_steps,
        generator=CUSTOM if isinstance(generator, AdapterGenerator) else recorded_name(generator),
        generator_id=identity,
        logit_scale=logit_scale,
        blocks=support.blocks,
        class_names=text_names(read, classes),
        descriptions=descriptions(read, classes),
        origin=origin or Origin(),
        inside=parts.inside,
        tree=None if tree is None else dict(tree.parents),
        several=several_config(support),
    )
    support, hashes = replace(support, views_TNKVD=None), tuple(picture_hashes)
    return StoredAdapter(weights, config, support, hashes, towers=parts.towers)


def several_config(support: Support) -> SeveralConfig | None:
    """Return the facts about several labels a picture; `None` if each has one."""
    if support.labels_TPN is None:
        return None
    _, n, _ = support.labels_TPN.shape
    return SeveralConfig(n_pictures=n, partial=bool((support.labels_TPN == UNKNOWN).any()))


def fit_pictures(
    labelled: LabelledPictures,
    names: Mapping[str, str | list[str]] | None,
    *,
    mode: Mode = "one_shot",
    generator: str = "default",
    pool: Float[np.ndarray, "u D"] | None = None,
    tree: LabelTree | None = None,
) -> StoredAdapter:
    """Predict an adapter from labelled pictures; it includes the trained parts of their encoder.

    `names` may include classes without pictures; `pool` has features of unlabelled pictures.
    """
    support, classes = support_of(labelled, names)
    if tree is not None:
        support = with_parents_names(support, classes, tree, labelled.encoder)
    if pool is not None:
        support = support.with_pool(unit_rows(pool))
    boxed = sum(row.box is not None for row in labelled.pictures.rows)
    stored = fit_support(
        support,
        classes,
        names=names,
        logit_scale=labelled.logit_scale,
        mode=mode,
        generator=generator,
        origin=labelled.origin,
        parts=parts_of(labelled.encoder)[1],
        picture_hashes=labelled.pictures.sha256,
        groups=[picture.group for picture in labelled.pictures.pictures],
        tree=tree,
    )
    update = {"boxed": 2 * boxed > len(labelled.pictures)}
    return replace(stored, config=stored.config.model_copy(update=update))


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
    labels: Sequence[str] | Int8[np.ndarray, "n N"] = pictures.labels
    if labelled.several is not None:
        sets = LabelSets.of(pictures.labels, classes)
        labels = sets.labels_NC(partial=labelled.several == "partial")
    support = labelled_support(
        pictures.features,
        labels,
        classes,
        texts,
        labelled.encoder,
        logit_scale=labelled.logit_scale,
        blocks=look_widths(width, origin.zoom, tuple(origin.blocks.values())),
    )
    return support, classes


def generator_that_predicted(
    name: str | Path | AdapterGenerator, identity: str
) -> AdapterGenerator:
    """Return the generator of that name; `IncompatibleArtifact` if its identity has changed."""
    if not isinstance(name, AdapterGenerator):
        _, place = user_code_and_folder(str(name))
        generator_folder(place or name, named_by="the adapter")
    generator, current = shared_generator(name)
    if current != identity:
        shown = CUSTOM if isinstance(name, AdapterGenerator) else str(name)
        raise IncompatibleArtifact(
            f"the adapter was predicted by generator {identity}, but {shown!r} is now {current}; "
            "load the adapter with generator=… set to that generator, or fit again"
        )
    return generator


def _out_of_bounds(reason: str) -> DataError:
    return DataError(
        f"the generator's weights or constants are too large to compute an adapter ({reason}); use "
        "another generator"
    )
