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


def resolve_templates(
    templates: str | Sequence[str] | None, default: str | Sequence[str] = "simple"
) -> tuple[str, ...]:
    """Return checked templates in the order given.

    Args:
        templates: "default", "simple", "openai-imagenet", a sentence with one `{}`, or a list of
            these, which add up; `default` if None.
        default: The templates that "default" stands for, in the same form.

    Raises:
        UsageError: A set is unknown, a sentence does not have one `{}`, or the list is empty.
    """
    if templates is None or templates == "default":
        return resolve_templates(default)
    if not isinstance(templates, str):
        if not templates:
            raise UsageError("expected at least one template such as 'a photo of a {}.', got none")
        return tuple(one for given in templates for one in resolve_templates(given, default))
    if templates in TEMPLATE_SETS:
        from open_clip import OPENAI_IMAGENET_TEMPLATES, SIMPLE_IMAGENET_TEMPLATES

        simple = templates == "simple"
        functions = SIMPLE_IMAGENET_TEMPLATES if simple else OPENAI_IMAGENET_TEMPLATES
        return tuple(function(PLACEHOLDER) for function in functions)
    if templates.count(PLACEHOLDER) != 1:
        raise UsageError(
            f"expected a set of templates (default, {', '.join(TEMPLATE_SETS)}), or a sentence "
            "with one {} for the name of the class, as in 'a photo of a {}.', got "
            f"{templates!r}"
        )
    return (templates,)


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
        sentences = [
            template.replace(PLACEHOLDER, name) for name in batch for template in templates
        ]
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
