"""Predict an adapter of several labels a picture, with all that is stored with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float

from metaadapter.adapter.config import AdapterConfig, SeveralConfig
from metaadapter.adapter.labelled_rows import LabelledRows
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.unit_rows import unit_rows
from metaadapter.errors import DataError
from metaadapter.features.origin import Origin
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.closed_form import ClosedForm
from metaadapter.generator.generator import Generator
from metaadapter.generator.pretrained import shared_generator
from metaadapter.generator.several_labels import several_labels
from metaadapter.workflow.class_texts import text_names
from metaadapter.workflow.label_scores import LabelScores, label_scores


class SeveralTask(NamedTuple):
    """The pictures of a task with C classes, and what its labels say."""

    rows_ND: Float[np.ndarray, "n D"]
    shows_NC: Bool[np.ndarray, "n C"]
    known_NC: Bool[np.ndarray, "n C"]
    text_CD: Float[np.ndarray, "C D"]
    """Unit rows; zeros for a class without a text."""
    logit_scale: float | None = None
    blocks: tuple[int, ...] = ()

    @property
    def labelled(self) -> LabelledRows:
        """The pictures and labels as tensors."""
        rows = unit_rows(self.rows_ND)
        return LabelledRows(rows, torch.from_numpy(self.shows_NC), torch.from_numpy(self.known_NC))


@dataclass(frozen=True)
class FittedSeveral:
    """An adapter, and the probabilities of its pictures by regressions on the other pictures."""

    adapter: StoredAdapter
    task: SeveralTask
    left_out_NC: Float[np.ndarray, "n C"]

    @cached_property
    def estimate(self) -> LabelScores:
        """The scores of the left-out pictures, of classes that are in at least two."""
        several = self.task.shows_NC.sum(0) > 1
        thresholds = self.adapter.weights.label_thresholds
        assert thresholds is not None
        return label_scores(
            self.left_out_NC[:, several],
            self.task.shows_NC[:, several],
            thresholds.numpy()[several],
            self.task.known_NC[:, several],
        )


def fit_several(
    task: SeveralTask,
    classes: Sequence[Any],
    *,
    names: Mapping[Any, Any] | None = None,
    generator: str = "default",
    partial: bool = False,
    origin: Origin | None = None,
    picture_hashes: Sequence[str] = (),
) -> FittedSeveral:
    """Predict the adapter of one task without gradients, with the constants of a generator.

    Raises:
        DataError: There are too many pictures, or a class is in none.
    """
    if not len(classes):
        raise DataError("expected a picture that shows a class, but no picture has a label")
    loaded, identity = shared_generator(generator)
    labelled = task.labelled
    labelled.require()
    texts = torch.from_numpy(np.asarray(task.text_CD, dtype=np.float32))
    support = labelled.by_class(texts, task.logit_scale, task.blocks)
    predicted = several_labels(support, labelled, constants_of(loaded))
    config = AdapterConfig(
        classes=[*classes],
        width=task.rows_ND.shape[1],
        n_shots=labelled.shows_NC.sum(0).tolist(),
        mode="one_shot",
        generator=generator,
        generator_id=identity,
        logit_scale=task.logit_scale,
        blocks=task.blocks,
        class_names=text_names(names if texts.any() else None, classes),
        origin=origin or Origin(),
        several=SeveralConfig(n_pictures=len(task.rows_ND), partial=partial),
    )
    support = replace(support, views_TNKVD=None)
    hashes = tuple(picture_hashes)
    stored = StoredAdapter(predicted.weights, config, support, hashes, labelled=labelled)
    return FittedSeveral(stored, task, predicted.left_out_NC.numpy())


def constants_of(generator: AdapterGenerator) -> ClosedForm:
    """Return the constants of the closed form of a generator, or the usual ones of another."""
    return generator.config.closed_form if isinstance(generator, Generator) else ClosedForm()
