"""A label tree as evidence for classes without a picture: their parents' names, their siblings.

A class without a picture below a parent gets a text that is nearer to the name of the parent, and a
share of the evidence of its siblings with pictures. docs/explanation/label-tree.md has the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.label_tree import LabelTree
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.features.prompts import readable_name

OF_PARENT = 0.3
"""The weight of the parent's text beside the class's own, of weight 1."""
OF_SIBLINGS = 0.1
"""The weight of the siblings' logits beside the class's own logit."""


def with_parents_names(
    support: Support, classes: Sequence[Any], tree: LabelTree, encoder: Any
) -> Support:
    """Return the support with texts of classes without a picture moved to those of their parents.

    The text is unit(t + 0.3 p), with the text p of the parent. Nothing changes for a class at the
    top of the tree or without a text, without an encoder that reads texts, and if no class has a
    picture: then the names alone are as good.
    """
    (text_ND,), has_pictures = support.text_TND, support.present_TNK[0].any(-1)
    bare_N = ~has_pictures & has_pictures.any() & text_ND.any(-1)
    numbers = [n for n, label in enumerate(classes) if bare_N[n] and _parent(tree, label)]
    if encoder is None or not numbers:
        return support
    names = [_parent(tree, classes[number]) for number in numbers]
    text_ND = text_ND.clone()
    text_ND[numbers] = towards_parents(text_ND[numbers], names, encoder)
    return replace(support, text_TND=text_ND[None])


def towards_parents(
    texts: Float[Tensor, "n D"], parents: Sequence[str], encoder: Any
) -> Float[Tensor, "n D"]:
    """Return unit(t + 0.3 p) for texts t of classes and the encoded names p of their parents."""
    place = {name: number for number, name in enumerate(dict.fromkeys(parents))}
    rows = torch.from_numpy(np.asarray(encoder.encode_texts([*map(readable_name, place)])))
    places = [place[name] for name in parents]
    return normalize(texts + OF_PARENT * rows[places].to(texts), dim=-1)


def with_siblings(
    weights: AdapterWeights,
    has_pictures: Bool[Tensor, " N"],
    classes: Sequence[Any],
    tree: LabelTree,
    only: Any = None,
) -> AdapterWeights:
    """Return one adapter in which classes without a picture share the evidence of their siblings.

    To the logit of such a class are added 0.1 times the mean logit of its siblings minus that of
    all classes with pictures. The logits of other classes do not change, nor, if `only` is a
    class, those of all but this one.
    """
    siblings = siblings_of(has_pictures, classes, tree)
    if only is not None:
        siblings = {number: siblings[number] for number in siblings if classes[number] == only}
    if not siblings:
        return weights
    shared = partial(_shared, siblings=siblings, has_pictures=has_pictures)
    return replace(weights, classes=shared(weights.classes), class_bias=shared(weights.class_bias))


def _shared(
    of_class: Float[Tensor, "N ..."],
    siblings: Mapping[int, Sequence[int]],
    has_pictures: Bool[Tensor, " N"],
) -> Float[Tensor, "N ..."]:
    """Return what the logits are linear in, changed as `with_siblings` says."""
    changed, overall = of_class.clone(), of_class[has_pictures].mean(0)
    for number, others in siblings.items():
        changed[number] += OF_SIBLINGS * (of_class[others].mean(0) - overall)
    return changed


def _parent(tree: LabelTree, label: Any) -> str:
    return tree.parents.get(str(label), "")


def siblings_of(
    has_pictures: Bool[Tensor, " N"], classes: Sequence[Any], tree: LabelTree
) -> dict[int, list[int]]:
    """Return for each class without a picture its siblings, if it has any.

    They are the classes with pictures below its nearest ancestor that has any.
    """
    below: dict[str, list[int]] = {}
    for number in torch.nonzero(has_pictures)[:, 0].tolist():
        for name in tree.path(str(classes[number])):
            below.setdefault(name, []).append(number)
    siblings = {}
    for number in torch.nonzero(~has_pictures)[:, 0].tolist():
        *ancestors, _ = tree.path(str(classes[number]))
        nearest = next((below[name] for name in reversed(ancestors) if name in below), None)
        if nearest:
            siblings[number] = nearest
    return siblings
