"""Advice on labelled pictures, from their features alone: one call, fast enough for every change.

    advise(features, labels, texts, names=…, blocks=…)
    -> [Advice(kind, sentence, classes, pictures), …]

`features` has a row for each picture and `labels` its class; `texts` maps classes to the features
of their names, and `names` to the names themselves. Of a fitted `MetaAdapterClassifier` these are
the X and y of `fit` and, where there are texts, `classes_` with the rows of `support_.text_TND[0]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from metaadapter.adapter import Support
from metaadapter.advice import words
from metaadapter.advice.advice import Advice
from metaadapter.advice.confusions import confusions
from metaadapter.advice.copies import groups_of_copies
from metaadapter.advice.labels import doubtful_labels
from metaadapter.advice.left_out import MAX_PICTURES, Evidence, evidence
from metaadapter.advice.names import disagreeing_names
from metaadapter.advice.needs import needy_classes
from metaadapter.classifier.labelled_support import labelled_support
from metaadapter.errors import UsageError
from metaadapter.task.classes import says_nothing

__all__ = ["advise"]

MOST_OF_A_KIND = 5


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
    each kind there are the five most pressing pieces; when they are followed, the next ones come.

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
    # The support has the pictures class by class; Python's sort is stable within a class.
    order = sorted(range(len(labels)), key=labels.__getitem__)
    whole = evidence(support)
    groups = groups_of_copies(whole.distances)
    kept = _one_of_each(whole, groups)
    found = whole if len(kept) == len(order) else evidence(_only(support, kept))
    named = {label: (names or {}).get(label, label) for label in texts or {}}
    number_of = [order[place] for place in kept]
    # That a copy has another label is told once, and not of each of them again.
    mixed = {order[place] for group in groups if _n_classes(whole, group) > 1 for place in group}
    kinds = (
        [it for it in _on_labels(found, classes, number_of) if it.pictures[0] not in mixed],
        [_on_copies(whole, group, classes, order) for group in _widest_first(whole, groups)],
        _on_names(found, classes, named),
        _on_needs(found, classes, number_of),
        _on_confusions(found, classes, number_of),
    )
    return [advice for those in kinds for advice in those[:MOST_OF_A_KIND]]


def _n_classes(whole: Evidence, group: Sequence[int]) -> int:
    return len({*whole.numbers[group].tolist()})


def _widest_first(whole: Evidence, groups: Sequence[list[int]]) -> list[list[int]]:
    """A copy in two classes has a wrong label in one, which is worse than one in the same class."""
    return sorted(groups, key=lambda group: (-_n_classes(whole, group), -len(group)))


def _one_of_each(whole: Evidence, groups: Sequence[Sequence[int]]) -> list[int]:
    """The pictures without further copies in the same class: they count as one."""
    further: set[int] = set()
    for group in groups:
        first = {int(whole.numbers[place]): place for place in reversed(group)}
        further |= {*group} - {*first.values()}
    return [place for place in range(len(whole.numbers)) if place not in further]


def _only(support: Support, kept: Sequence[int]) -> Support:
    """The one task of a support with these of its pictures, counted class by class."""
    places = support.present_TNK.flatten().nonzero()[:, 0]
    mask = torch.zeros(support.present_TNK.numel(), dtype=torch.bool)
    mask[places[list(kept)]] = True
    return support.kept(mask.view_as(support.present_TNK))


def _on_labels(found: Evidence, classes: Sequence[str], number_of: Sequence[int]) -> list[Advice]:
    advice = []
    for place, better in doubtful_labels(found):
        both = classes[int(found.numbers[place])], classes[better]
        advice.append(Advice("label", words.of_label(*both), both, (number_of[place],)))
    return advice


def _on_copies(
    whole: Evidence, group: Sequence[int], classes: Sequence[str], number_of: Sequence[int]
) -> Advice:
    labels = tuple(classes[number] for number in sorted({*whole.numbers[group].tolist()}))
    pictures = tuple(number_of[place] for place in group)
    return Advice("near_duplicate", words.of_copies(labels, len(group)), labels, pictures)


def _on_names(found: Evidence, classes: Sequence[str], named: Mapping[str, str]) -> list[Advice]:
    empty = tuple(label for label in classes if label in named and says_nothing(named[label]))
    advice = [Advice("name", words.of_empty_names(empty), empty, ())] if empty else []
    nearer = {
        classes[number]: classes[other]
        for number, other in disagreeing_names(found)
        if classes[number] not in empty
    }
    for label, other in nearer.items():
        both = label, other
        if nearer.get(other) != label:
            advice.append(Advice("name", words.of_name(label, named[label], other), both, ()))
        elif label < other:  # each is the other's: told once
            advice.append(Advice("name", words.of_swapped_names(both), both, ()))
    return advice


def _on_needs(found: Evidence, classes: Sequence[str], number_of: Sequence[int]) -> list[Advice]:
    right = found.log_p.argmax(-1) == found.numbers
    advice = []
    for number in needy_classes(found):
        places = np.flatnonzero(found.numbers == number)
        sentence = words.of_need(classes[number], len(places), int(right[places].sum()))
        pictures = tuple(number_of[place] for place in places.tolist())
        advice.append(Advice("few_pictures", sentence, (classes[number],), pictures))
    return advice


def _on_confusions(
    found: Evidence, classes: Sequence[str], number_of: Sequence[int]
) -> list[Advice]:
    advice = []
    for confusion in confusions(found):
        both = classes[confusion.classes[0]], classes[confusion.classes[1]]
        pictures = tuple(number_of[place] for pair in confusion.alike for place in pair)
        sentence = words.of_confusion(both, confusion)
        advice.append(Advice("confused", sentence, both, pictures))
    return advice
