"""Leave pictures of several labels out one by one, as for the effect of an encoder in 8 bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.labelled_rows import LabelledRows
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.weights import probabilities
from metaadapter.generator.several_labels import several_labels
from metaadapter.workflow.fit_adapter import generator_that_predicted
from metaadapter.workflow.fit_several import constants_of


class LeftOutAnswers(NamedTuple):
    """Answers of k left-out pictures in Q forms each, such as with an exact and a rough encoder."""

    p_kQC: Float[Tensor, "k Q C"]
    shown_kQC: Bool[Tensor, "k Q C"]
    """Whether a probability is at least the threshold of the class."""
    correct_kQ: Bool[Tensor, "k Q"]
    """Whether all labels that are known are right."""


def leave_out_several(
    stored: StoredAdapter, places: Sequence[int], forms_kQD: Float[Tensor, "k Q D"]
) -> LeftOutAnswers:
    """Answer for each picture by the adapter that is predicted from all other pictures.

    `places` are numbers of labelled pictures, and `forms_kQD` the unit rows to answer for. Pictures
    that are alone in one of their classes are skipped.

    Raises:
        IncompatibleArtifact: The generator has changed since it predicted the adapter.
    """
    config, labelled = stored.config, stored.labelled
    assert labelled is not None
    assert stored.support is not None
    constants = constants_of(generator_that_predicted(config.generator, config.generator_id))
    shown_NC, known_NC = labelled.shows_NC & labelled.known_NC, labelled.known_NC
    n_showing_C = shown_NC.sum(0)
    parts = []
    for place, forms_QD in zip(places, forms_kQD, strict=True):
        if (n_showing_C[shown_NC[place]] < 2).any():
            continue
        rest = torch.arange(len(labelled.rows_ND)) != place
        others = LabelledRows(*(part[rest] for part in labelled))
        support = others.by_class(stored.support.text_TND[0], config.logit_scale, config.blocks)
        weights = several_labels(support, others, constants).weights
        assert weights.label_thresholds is not None
        p_QC = probabilities(forms_QD, weights)
        answer_QC = p_QC >= weights.label_thresholds
        wrong_QC = (answer_QC != shown_NC[place]) & known_NC[place]
        parts.append((p_QC, answer_QC, ~wrong_QC.any(-1)))
    if not parts:
        none_C = forms_kQD.new_zeros(0, forms_kQD.shape[1], len(config.classes))
        return LeftOutAnswers(none_C, none_C.bool(), none_C.bool().any(-1))
    return LeftOutAnswers(*(torch.stack(part) for part in zip(*parts, strict=True)))
