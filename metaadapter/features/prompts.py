"""Sentences around the name of a class, and readable names out of folder names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from metaadapter.errors import UsageError

__all__ = ["TEMPLATE_SETS", "fill_template", "readable_name", "resolve_templates"]

TEMPLATE_SETS = ("simple", "openai-imagenet")
"""The sets that open_clip ships: 7 and 80 templates, both written for ImageNet."""

PLACEHOLDER = "{}"
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
