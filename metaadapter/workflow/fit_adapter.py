"""The adapter of labelled pictures, and what they alone tell of it.

The functions are those of `MetaAdapterClassifier`, which itself is not used: importing scikit-learn
would take a fifth of the time in which `metaadapter adapt` starts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from metaadapter.adapter.calibration import calibrated
from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import Support
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.looks import look_widths
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.fine_tuning import fine_tune_adapter, leave_one_out
from metaadapter.workflow.labelled_pictures import LabelledPictures
from metaadapter.workflow.labelled_support import (
    descriptions,
    labelled_support,
    text_names,
    unit_rows,
)
from metaadapter.workflow.one_shot import predict_adapter
from metaadapter.workflow.predictions import Proportion

if TYPE_CHECKING:
    from metaadapter.labs.tuning.inside import TunedInside
    from metaadapter.labs.tuning.soft_prompt import TunedPrompt

# Leaving out each of more pictures would take longer than a user waits for a side remark.
MAX_PICTURES = 200
MAX_PICTURES_REFINED = 80  # each takes gradient steps
MAX_UNLABELLED_ROWS = 20_000  # unlabelled pictures times labelled ones


def fit_adapter(
    labelled: LabelledPictures,
    names: Mapping[str, str | list[str]] | None,
    *,
    mode: Literal["one_shot", "finetune"],
    generator: str,
    pool: Float[np.ndarray, "u D"] | None = None,
    inside: TunedInside | None = None,
    prompt: TunedPrompt | None = None,
) -> StoredAdapter:
    """Predict an adapter, and refine it if `mode` says so.

    `names` maps labels to names, or to lists of a name and sentences, of classes with pictures and
    without; with `None` the adapter learns from the pictures alone. `mode` is that of
    `MetaAdapterClassifier`, `pool` has the features of unlabelled pictures, and `inside` what was
    trained in the encoder's towers, if anything was, which all these features come from. Through a
    `prompt` the names of classes without a picture are read.
    """
    pictures, logit_scale = labelled.pictures, labelled.logit_scale
    support, classes = support_of(labelled, names)
    if prompt is not None and prompt.tensors:
        support = _with_prompt(support, labelled, names, prompt)
    if pool is not None:
        support = support.with_pool(unit_rows(pool))
    loaded, identity = shared_generator(generator)
    if mode == "finetune":
        weights, n_steps = fine_tune_adapter(loaded, support)
    else:
        weights, n_steps = predict_adapter(loaded, support), 0
    if inside is not None and inside.config is not None:
        weights = calibrated(weights, inside.config.calibration)
    config = AdapterConfig(
        classes=list(classes),
        width=pictures.features.shape[1],
        n_shots=support.present_TNK[0].sum(-1).tolist(),
        n_unlabelled=support.n_pool,
        mode=mode,
        n_steps=n_steps,
        generator=generator,
        generator_id=identity,
        logit_scale=logit_scale,
        blocks=support.blocks,
        class_names=text_names(names, classes),
        descriptions=descriptions(names, classes),
        origin=labelled.origin,
        inside=None if inside is None else inside.config,
        prompt=None if prompt is None else prompt.config,
    )
    towers = {
        name: each for part in (inside, prompt) if part for name, each in part.tensors.items()
    }
    return StoredAdapter(weights, config, support, pictures.sha256, towers=towers)


def support_of(
    labelled: LabelledPictures, names: Mapping[str, str | list[str]] | None
) -> tuple[Support, list[str]]:
    """The support of labelled pictures, and the classes in its order; `names` is as above."""
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
        blocks=look_widths(
            pictures.features.shape[1],
            labelled.origin.zoom,
            tuple(labelled.origin.blocks.values()),
        ),
    )
    return support, classes


def _with_prompt(
    support: Support,
    labelled: LabelledPictures,
    names: Mapping[str, str | list[str]] | None,
    prompt: TunedPrompt,
) -> Support:
    """The support with the names of classes without a picture read through a prompt.

    Pictures say more of a class than the prompt, which was learned from the very same.
    """
    from metaadapter.features.towers.prompted_encoder import PromptedEncoder

    assert isinstance(labelled.encoder, FrozenEncoder)  # which the prompt was learned with
    prompted = replace(labelled, encoder=PromptedEncoder(labelled.encoder, prompt.tensors))
    read, _ = support_of(prompted, names)
    has_pictures_TN1 = support.present_TNK.any(-1, keepdim=True)
    return replace(support, text_TND=torch.where(has_pictures_TN1, support.text_TND, read.text_TND))


class LeftOutMistake(NamedTuple):
    """A picture that an adapter of all the others predicts wrongly, as `predicted`."""

    path: str
    label: str
    predicted: str
    probability: float

    def __str__(self) -> str:
        return f"{self.path}: {self.label}, predicted {self.predicted} ({self.probability:.2f})"


class LeftOutEstimate(NamedTuple):
    """The fraction of left-out pictures that are predicted correctly, and the others."""

    accuracy: Proportion
    mistakes: tuple[LeftOutMistake, ...]

    def taken_by_names(self, config: AdapterConfig) -> list[str]:
        """A sentence on each class with a name alone that takes left-out pictures of others."""
        n_taken = Counter(each.predicted for each in self.mistakes)
        return [
            f"{label}, which has a name alone, takes {n_taken[str(label)]} of the "
            f"{self.accuracy.n} left-out pictures, all of other classes: give it a few pictures, "
            "or leave it out"
            for label, n_shots in zip(config.classes, config.n_shots, strict=True)
            if not n_shots and n_taken[str(label)]
        ]


def estimate(labelled: LabelledPictures, stored: StoredAdapter) -> LeftOutEstimate | None:
    """Estimate the accuracy of an adapter from its own pictures.

    Each picture is classified by an adapter predicted from all the others and, if this one took
    gradient steps, refined by as many. Their number was itself chosen on left-out pictures.

    Returns:
        `None` where that is not defined, because no class has two pictures, or would take long; and
        where the encoder's towers were trained on these pictures, which then look too easy.
    """
    config, pictures = stored.config, labelled.pictures
    if config.inside is not None:
        return None
    n_max = MAX_PICTURES_REFINED if config.n_steps else MAX_PICTURES
    if stored.support is None or len(pictures) > n_max:
        return None
    if len(pictures) * stored.support.n_pool > MAX_UNLABELLED_ROWS:
        return None
    generator, _ = shared_generator(config.generator)
    found = leave_one_out(stored.support, generator, n_steps=config.n_steps)
    if not len(found.labels):
        return None
    mistakes = [
        LeftOutMistake(
            pictures.paths[stored.support.order[int(found.pictures[i])]],
            label=str(config.classes[int(found.labels[i])]),
            predicted=str(config.classes[int(found.predicted[i])]),
            probability=float(found.probabilities[i].max()),
        )
        for i in (~found.correct).nonzero()[:, 0].tolist()
    ]
    accuracy = Proportion(int(found.correct.sum()), len(found.labels))
    return LeftOutEstimate(accuracy, tuple(mistakes))
