"""Sentences around the name of a class, and readable names out of folder names."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.errors import UsageError

TEMPLATE_SETS = ("simple", "openai-imagenet")
"""The sets that open_clip ships: 7 and 80 templates, both written for ImageNet."""

PLACEHOLDER = "{}"
SENTENCES_PER_BATCH = 256
# ImageNet's folders begin with a number of WordNet: n02123045 is the tabby cat.
WORDNET_ID = re.compile(r"^n\d{8}[\s_-]+")


def resolve_templates(templates: str | Sequence[str]) -> tuple[str, ...]:
    """The templates of a set ("simple", "openai-imagenet"), a single one, or a list, checked.

    A template has exactly one `{}`, where the name of the class goes. An unknown set, an empty list
    or another template is a `UsageError`.
    """
    if isinstance(templates, str) and PLACEHOLDER not in templates:
        return _named_set(templates)
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
    """The sentence that a template makes of a class name."""
    return template.replace(PLACEHOLDER, name)


def mean_over_templates(
    names: Sequence[str],
    templates: Sequence[str],
    encode: Callable[[list[str]], Float32[Tensor, "sentences dim"]],
) -> Float32[Tensor, "n dim"]:
    """The unit mean of each name, of which there is at least one, over its sentences' unit rows.

    Args:
        names: Names of classes.
        templates: What they are put into.
        encode: Gives the unit rows of some sentences; asked about a batch at a time.
    """
    rows = []
    n_names = max(1, SENTENCES_PER_BATCH // len(templates))
    for start in range(0, len(names), n_names):
        some = names[start : start + n_names]
        sentences = [fill_template(template, name) for name in some for template in templates]
        features = encode(sentences).reshape(len(some), len(templates), -1)
        rows.append(normalize(features.mean(1), dim=-1))
    return torch.cat(rows)


def require_names(names: Sequence[str]) -> None:
    """Check that names are a list of texts to be read; a `UsageError` says what they are else."""
    if isinstance(names, str):
        raise UsageError(f"expected a list of class names, got the single name {names!r}")
    if not all(name.strip() for name in names):
        raise UsageError(f"the class names hold an empty one: {list(names)}")


def readable_name(label: str) -> str:
    """A class name for the text tower out of a label or folder name.

    Underscores become spaces, a leading WordNet number goes; hyphens stay ("t-shirt").
    """
    spaced = " ".join(WORDNET_ID.sub("", label.strip()).replace("_", " ").split())
    return spaced or label


def _named_set(name: str) -> tuple[str, ...]:
    if name not in TEMPLATE_SETS:
        raise UsageError(
            f"unknown set of templates {name!r}; choose default, {', '.join(TEMPLATE_SETS)}, "
            "or give your own, each with one {} for the name of the class"
        )
    from open_clip import OPENAI_IMAGENET_TEMPLATES, SIMPLE_IMAGENET_TEMPLATES

    functions = SIMPLE_IMAGENET_TEMPLATES if name == "simple" else OPENAI_IMAGENET_TEMPLATES
    return tuple(function(PLACEHOLDER) for function in functions)
