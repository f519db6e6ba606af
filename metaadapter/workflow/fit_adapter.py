"""Predict an adapter from a support or labelled pictures, with all that is stored with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float

from metaadapter.adapter.adapted_encoder import parts_of
from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.known import calibrated
from metaadapter.adapter.label_tree import LabelTree
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import Support
from metaadapter.adapter.unit_rows import unit_rows
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.features.origin import Origin
from metaadapter.features.towers.config import InsideConfig
from metaadapter.files.user_code import user_code_and_folder
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.pretrained import generator_folder, recorded_name, shared_generator
from metaadapter.workflow.choose_n_steps import fine_tune_adapter
from metaadapter.workflow.class_texts import descriptions, text_names
from metaadapter.workflow.gradient_steps import FineTune
from metaadapter.workflow.labelled_pictures import LabelledPictures
from metaadapter.workflow.labelled_support import support_of

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


def fit_support(
    support: Support,
    classes: Sequence[Any],
    *,
    names: Mapping[Any, Any] | None,
    logit_scale: float | None,
    mode: Mode = "one_shot",
    generator: str | Path | AdapterGenerator = "default",
    fine_tuning: FineTune | None = None,
    encoder: Any = None,
    origin: Origin | None = None,
    pool: Float[np.ndarray, "u D"] | None = None,
    picture_hashes: Sequence[str] = (),
    groups: Sequence[str] = (),
    tree: LabelTree | None = None,
) -> StoredAdapter:
    """Predict the adapter of one task, and refine it in mode `"finetune"`.

    The adapter stores `names` (label → name, or [name, sentence, …]) but no vectors among them, and
    no names that the encoder does not read. The adapter includes what was trained in the towers of
    the `encoder`, of which it stores the `origin`, by default its own. `pool` has features of
    unlabelled pictures, `picture_hashes` are in the order of the rows that the support was built
    from, and `groups` are as for `first_of_groups`.
    """
    loaded, identity = shared_generator(generator)
    base, parts = parts_of(encoder)
    if pool is not None:
        support = support.with_pool(unit_rows(pool))
    if mode == "finetune":
        weights, n_steps = fine_tune_adapter(loaded, support, fine_tuning)
    else:
        weights, n_steps = predict_adapter(loaded, support), 0
        if weights.known_head and (first := first_of_groups(support, groups)) is not None:
            weights = with_known_head(weights, predict_adapter(loaded, first))
    weights = completed(weights, support, parts.inside)
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
        origin=origin or _origin_of(base),
        inside=parts.inside,
        tree=None if tree is None else dict(tree.parents),
        several=len(support.pictures()[0]) if support.has_label_sets else None,
    )
    if picture_hashes and not support.has_label_sets:
        picture_hashes = [picture_hashes[row] for row in support.order]
    return StoredAdapter(weights, config, support, tuple(picture_hashes), towers=parts.towers)


def completed(
    weights: AdapterWeights, support: Support, inside: InsideConfig | None
) -> AdapterWeights:
    """Return a prediction from pictures, calibrated for the trained towers that gave features."""
    if inside is None or not support.present_TNK.any():
        return weights
    return calibrated(weights, inside.calibration)


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
    boxed = sum(row.box is not None for row in labelled.pictures.rows)
    stored = fit_support(
        support,
        classes,
        names=names,
        logit_scale=labelled.logit_scale,
        mode=mode,
        generator=generator,
        encoder=labelled.encoder,
        origin=labelled.origin,
        pool=pool,
        picture_hashes=labelled.pictures.sha256,
        groups=[picture.group for picture in labelled.pictures.pictures],
        tree=tree,
    )
    update = {"boxed": 2 * boxed > len(labelled.pictures)}
    return replace(stored, config=stored.config.model_copy(update=update))


def generator_that_predicted(
    name: str | Path | AdapterGenerator, identity: str
) -> AdapterGenerator:
    """Return the generator of that name; `IncompatibleArtifact` if its identity has changed."""
    if not isinstance(name, AdapterGenerator):
        _, place = user_code_and_folder(str(name))
        generator_folder(place or name)
    generator, current = shared_generator(name)
    if current != identity:
        shown = CUSTOM if isinstance(name, AdapterGenerator) else str(name)
        raise IncompatibleArtifact(
            f"the adapter was predicted by generator {identity}, but {shown!r} is now {current}; "
            "load the adapter with generator=… set to that generator, or fit again"
        )
    return generator


def first_of_groups(support: Support, groups: Sequence[str]) -> Support | None:
    """Return the support of one task with only the first picture of each group in a class.

    `groups` has the group of each labelled row, in the order in which `Support.of_rows` was given
    the rows; "" is no group. None if all pictures stay, or if the task has a pool, whose pictures
    set the thresholds.

    The thresholds of a known head come from left-out predictions. In a series each picture is
    predicted from others that are nearly equal, so the thresholds would reject new pictures: at
    `keep=0.95`, 24 to 85 % of the frames of other scenes passed, and 80 to 99 % pass with a head
    from one picture of each series (docs/figures.md#camera-traps).
    """
    mask_TNK = support.present_TNK.clone()
    seen: set[tuple[int, str]] = set()
    if not any(groups) or support.n_pool:
        return None
    places = support.present_TNK[0].nonzero().tolist()
    for (way, shot), row in zip(places, support.order, strict=True):
        key = way, groups[row]
        mask_TNK[0, way, shot] = not groups[row] or key not in seen
        seen.add(key)
    return None if mask_TNK.equal(support.present_TNK) else support.kept(mask_TNK)


def with_known_head(weights: AdapterWeights, other: AdapterWeights) -> AdapterWeights:
    """Return an adapter with the known head of another one, if both have one."""
    head = other.known_head
    if weights.known_head is None or head is None:
        return weights
    return replace(weights, **head._asdict())


def _origin_of(encoder: Any) -> Origin:
    """Return the origin of an encoder's features; an encoder of a user may lack looks."""
    if encoder is None:
        return Origin()
    return Origin(
        encoder=encoder.name,
        fingerprint=encoder.fingerprint,
        zoom=getattr(encoder, "zoom", False),
        blocks=dict(getattr(encoder, "look_blocks", {})),
    )


def _out_of_bounds(reason: str) -> DataError:
    return DataError(
        f"the generator's weights or constants are too large to compute an adapter ({reason}); use "
        "another generator"
    )
