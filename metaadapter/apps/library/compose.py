"""One adapter for the classes of several adapters of one encoder, without the pictures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import Support
from metaadapter.adapter.unit_rows import SAME
from metaadapter.workflow.fit_adapter import fit_support


def compose(parts: Sequence[StoredAdapter]) -> StoredAdapter:
    """Predict one adapter for all classes of adapters that have their supports.

    It is exactly the one that the default generator predicts from all their pictures, whichever
    generator predicted the parts, except that their unlabelled pictures and gradient steps are not
    used. Classes with the same label become one class. All parts have the same features and the
    same kind of labels.
    """
    first = parts[0].config
    classes = sorted({label for part in parts for label in part.config.classes})
    rows, numbers, hashes = list[Tensor](), list[Tensor](), list[str]()
    texts = torch.zeros(len(classes), first.width)
    names: dict[Any, Any] = {}
    for part in parts:
        assert part.support is not None, "only adapters with supports are composed"
        number_of = torch.tensor([classes.index(label) for label in part.config.classes])
        part_rows, part_numbers = part.support.labelled_rows()
        part_numbers, part_texts = number_of[part_numbers], part.support.text_TND[0]
        is_new = ~_are_copies(part_rows, part_numbers, rows, numbers)
        rows.append(part_rows[is_new])
        numbers.append(part_numbers[is_new])
        part_hashes = part.picture_hashes or ("",) * len(is_new)
        hashes += compress(part_hashes, is_new.tolist())
        has_new_text = part_texts.any(-1) & ~texts[number_of].any(-1)
        texts[number_of[has_new_text]] = part_texts[has_new_text]
        names = {**part.config.texts, **names}
    support = Support.of_rows(
        torch.cat(rows),
        torch.cat(numbers),
        texts,
        logit_scale=first.logit_scale,
        blocks=first.blocks,
    )
    return fit_support(
        support,
        classes,
        names=names,
        logit_scale=first.logit_scale,
        origin=first.origin,
        picture_hashes=hashes,
    )


def _are_copies(
    rows: Float[Tensor, "n D"],
    numbers: Int[Tensor, " n"],
    earlier: Sequence[Tensor],
    earlier_numbers: Sequence[Tensor],
) -> Bool[Tensor, " n"]:
    """True for copies of earlier rows: with its copy, a left-out picture would look too easy."""
    if not earlier:
        return torch.zeros(len(rows), dtype=torch.bool)
    same_class = numbers[:, None] == torch.cat([*earlier_numbers])
    is_same = (rows @ torch.cat([*earlier]).mT >= SAME) & same_class
    return is_same.any(-1)
