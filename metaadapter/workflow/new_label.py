"""Add a class to an adapter of several labels; the other classes answer as before."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.labelled_rows import LabelledRows
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import Support
from metaadapter.adapter.unit_rows import SAME
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.generator.closed_form import ClosedForm
from metaadapter.generator.several_labels import several_labels


def append_label(
    stored: StoredAdapter,
    constants: ClosedForm,
    position: int,
    rows: Float[Tensor, "n D"],
    text: Float[Tensor, " D"],
) -> tuple[AdapterWeights, Support, LabelledRows]:
    """Return the parts of an adapter with one more class at `position`, shown by these unit rows.

    It is not known whether the other pictures show the new class, nor whether the new pictures show
    the others; a copy of a picture that the adapter knows gives it one more label, and copies among
    the new pictures count once. The new class is that of the prediction from all pictures. Its
    cache holds them once more, as their keys depend on coordinates in which they have another
    centre and scale.

    Raises:
        DataError: There are too many pictures.
    """
    assert stored.labelled is not None
    assert stored.support is not None
    labelled = _labelled_again(stored.labelled, position, rows)
    text_CD = _inserted(stored.support.text_TND[0], text, position)
    labelled.require()
    support = labelled.by_class(text_CD, stored.config.logit_scale, stored.config.blocks)
    predicted = several_labels(support, labelled, constants).weights
    return _grown(stored.weights, predicted, position), support, labelled


def _labelled_again(
    labelled: LabelledRows, position: int, rows: Float[Tensor, "n D"]
) -> LabelledRows:
    old_ND, shows_NC, known_NC = labelled
    rows = rows.to(old_ND)
    same_nN = rows @ old_ND.mT >= SAME
    is_copy_n = (rows @ rows.mT >= SAME).tril(-1).any(1)
    is_shown_N, is_new_n = same_nN.any(0), ~(same_nN.any(1) | is_copy_n)
    nothing_nC = shows_NC.new_zeros(int(is_new_n.sum()), shows_NC.shape[1])
    all_N = torch.cat([is_shown_N, is_new_n[is_new_n]])

    def with_new(old_NC: Bool[Tensor, "N C"]) -> Bool[Tensor, "M C1"]:
        return _inserted(torch.cat([old_NC, nothing_nC]).mT, all_N, position).mT

    return LabelledRows(torch.cat([old_ND, rows[is_new_n]]), with_new(shows_NC), with_new(known_NC))


def _grown(weights: AdapterWeights, predicted: AdapterWeights, position: int) -> AdapterWeights:
    """Return the weights with the class of `predicted` at `position`, at the old slope."""
    assert weights.cache is not None
    assert predicted.cache is not None
    assert weights.label_thresholds is not None
    assert predicted.label_thresholds is not None
    keys, values, alpha, beta = weights.cache
    new_keys, new_values, new_alpha, new_beta = predicted.cache
    to_slope = predicted.logit_scale / weights.logit_scale
    of_new_class = torch.zeros_like(new_values)
    of_new_class[:, position] = new_values[:, position] * new_alpha / alpha
    old_values = _inserted(values.mT, torch.zeros_like(values[:, 0]), position).mT
    return replace(
        weights,
        classes=_inserted(weights.classes, to_slope * predicted.classes[position], position),
        class_bias=_inserted(weights.class_bias, predicted.class_bias[position], position),
        keys=torch.cat([keys, new_keys]),
        values=torch.cat([old_values, of_new_class]),
        beta=torch.cat([beta, new_beta]),
        label_thresholds=_inserted(
            weights.label_thresholds, predicted.label_thresholds[position], position
        ),
    )


def _inserted(rows: Tensor, row: Tensor, position: int) -> Tensor:
    return torch.cat([rows[:position], row[None].to(rows), rows[position:]])
