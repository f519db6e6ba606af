"""Advice on labelled pictures, from their features alone: one call, fast enough for every change.

    advise(features, labels, texts, names=…, blocks=…)
    -> [Advice(kind, sentence, classes, pictures), …]

`features` has a row for each picture and `labels` its class; `texts` maps classes to the features
of their names, and `names` to the names themselves. Of a fitted `MetaAdapterClassifier` these are
the X and y of `fit` and, where there are texts, `classes_` with the rows of `support_.text_TND[0]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from metaadapter.adapter.support import Support
from metaadapter.apps.advice.advice import Advice
from metaadapter.apps.advice.copies import groups_of_copies
from metaadapter.apps.advice.left_out import MAX_PICTURES, answers, distances, evidence
from metaadapter.apps.advice.pieces import on_confusions, on_copies, on_labels, on_names, on_needs
from metaadapter.errors import UsageError
from metaadapter.workflow.labelled_support import labelled_support


def advise(
    features: Float[np.ndarray, "n D"],
    labels: Sequence[str],
    texts: Mapping[str, Any] | None = None,
    *,
    names: Mapping[str, str] | None = None,
    blocks: Sequence[int] = (),
) -> list[Advice]:
    """What to do about labelled pictures, what helps most first; nothing where all looks well.

    It does not depend on the order of pictures or classes, nor on the directions of features. Of
    each kind there are the most pressing three or five; when they are followed, the next ones come.

    Args:
        features: A row for each picture, of any length.
        labels: The class of each picture.
        texts: class → feature of its name, of the same encoder; also of classes that have no
            picture yet. A class may lack its text.
        names: class → its name, to find those that say nothing; the label by default.
        blocks: The widths of the blocks that features consist of (`FeatureStore.blocks`).

    Raises:
        UsageError: There are fewer than two classes, or more pictures than `MAX_PICTURES`.
    """
    classes = sorted({*labels, *(texts or {})})
    if len(classes) < 2 or not 1 <= len(labels) <= MAX_PICTURES:
        raise UsageError(
            f"expected 1 to {MAX_PICTURES} pictures and two classes or more to advise on, got "
            f"{len(labels)} pictures and {len(classes)} classes; of more pictures draw some"
        )
    support = labelled_support(features, labels, classes, texts, None, blocks=blocks)
    numbers = support.labelled_rows()[1].numpy()
    groups = groups_of_copies(distances(support), numbers)
    kept = _without_copies(numbers, groups)
    no_copies = len(kept) == len(labels)
    found = evidence(support if no_copies else _only(support, kept))

    @cache  # few sentences count, and to ask again takes as long as all the rest
    def counted() -> Float[np.ndarray, "m N"]:
        return found.log_p if no_copies else answers(support).log_p.numpy()[kept]

    named = {label: (names or {}).get(label, label) for label in texts or {}}
    number_of = [support.order[place] for place in kept]
    kinds = (
        on_labels(found, classes, number_of),
        on_copies(numbers, groups, classes, support.order),
        on_needs(found, counted, classes, number_of),
        on_confusions(found, counted, classes, number_of),
        on_names(found, classes, number_of, named),
    )
    return [advice for those in kinds for advice in those]


def _without_copies(numbers: Int[np.ndarray, " m"], groups: Sequence[Sequence[int]]) -> list[int]:
    """The pictures that tell something: of copies in one class the first, of those in several none.

    A class keeps its first picture.
    """
    firsts = np.flatnonzero(np.diff(numbers, prepend=-1)).tolist()
    out: set[int] = set()
    for group in groups:
        out |= {*(group if len({*numbers[group]}) > 1 else group[1:])}
    left = {*numbers[[place for place in range(len(numbers)) if place not in out]].tolist()}
    out -= {place for place in firsts if int(numbers[place]) not in left}
    return [place for place in range(len(numbers)) if place not in out]


def _only(support: Support, kept: Sequence[int]) -> Support:
    """The one task of a support with these of its pictures, counted class by class."""
    places = support.present_TNK.flatten().nonzero()[:, 0]
    mask = torch.zeros(support.present_TNK.numel(), dtype=torch.bool)
    mask[places[list(kept)]] = True
    return support.kept(mask.view_as(support.present_TNK))
