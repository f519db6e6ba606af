"""Sentences around the names of classes, and readable names from folder names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.errors import UsageError

TEMPLATE_SETS = ("simple", "openai-imagenet")
"""The sets of open_clip: 7 and 80 templates, both written for ImageNet."""

PLACEHOLDER = "{}"
SENTENCES_PER_BATCH = 256
# The names of ImageNet's folders begin with a WordNet number: n02123045 is the tabby cat.
WORDNET_ID = re.compile(r"^n\d{8}[\s_-]+")


def resolve_templates(templates: str | Sequence[str]) -> tuple[str, ...]:
    """Return checked templates, given as "simple", "openai-imagenet", one text or a list."""
    if isinstance(templates, str) and PLACEHOLDER not in templates:
        if templates not in TEMPLATE_SETS:
            raise UsageError(
                f"unknown set of templates {templates!r}; choose default, "
                f"{', '.join(TEMPLATE_SETS)}, or give your own, each with one {{}} for the name of "
                "the class"
            )
        from open_clip import OPENAI_IMAGENET_TEMPLATES, SIMPLE_IMAGENET_TEMPLATES

        simple = templates == "simple"
        functions = SIMPLE_IMAGENET_TEMPLATES if simple else OPENAI_IMAGENET_TEMPLATES
        return tuple(function(PLACEHOLDER) for function in functions)
    chosen = (templates,) if isinstance(templates, str) else tuple(templates)
    if not chosen:
        raise UsageError("expected at least one template such as 'a photo of a {}.', got none")
    for template in chosen:
        if template.count(PLACEHOLDER) != 1:
            raise UsageError(
                f"the template {template!r} has {template.count(PLACEHOLDER)} places for the name "
                "of the class; write {} exactly once, as in 'a photo of a {}.'"
            )
    return chosen


def fill_template(template: str, name: str) -> str:
    """Put a class name into a template."""
    return template.replace(PLACEHOLDER, name)


def mean_over_templates(
    names: Sequence[str],
    templates: Sequence[str],
    encode: Callable[[list[str]], Float32[Tensor, "sentences dim"]],
) -> Float32[Tensor, "n dim"]:
    """Return for each name the mean of the unit rows of its sentences, scaled to length 1."""
    rows = []
    n_names = names_at_a_time(templates)
    for start in range(0, len(names), n_names):
        batch = names[start : start + n_names]
        sentences = [fill_template(template, name) for name in batch for template in templates]
        features = encode(sentences).reshape(len(batch), len(templates), -1)
        rows.append(normalize(features.mean(1), dim=-1))
    return torch.cat(rows)


def names_at_a_time(templates: Sequence[str]) -> int:
    """Return the number of names whose sentences make a batch of the text tower."""
    return max(1, SENTENCES_PER_BATCH // max(1, len(templates)))


def require_names(names: Sequence[str]) -> None:
    """Raise `UsageError` unless `names` is a list of texts, none of them empty."""
    if isinstance(names, str):
        raise UsageError(f"expected a list of class names, got the single name {names!r}")
    if not all(name.strip() for name in names):
        raise UsageError(f"a class name is empty: {list(names)}")


def readable_name(label: str) -> str:
    """Return the class name for the text tower that a label or folder name stands for.

    Underscores become spaces, and a leading WordNet number is removed; hyphens stay ("t-shirt").
    """
    spaced = " ".join(WORDNET_ID.sub("", label.strip()).replace("_", " ").split())
    return spaced or label
