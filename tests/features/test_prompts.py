from __future__ import annotations

import open_clip
import pytest

from metaadapter.errors import UsageError
from metaadapter.features.prompts import readable_name, resolve_templates


@pytest.mark.parametrize(
    ("name", "functions"),
    [
        ("simple", open_clip.SIMPLE_IMAGENET_TEMPLATES),
        ("openai-imagenet", open_clip.OPENAI_IMAGENET_TEMPLATES),
    ],
)
def test_templates__named_set__says_what_open_clip_says(name, functions):
    sentences = [template.replace("{}", "red fox") for template in resolve_templates(name)]

    assert sentences == [function("red fox") for function in functions]


def test_templates__sets_and_sentences_in_a_list__add_up_in_order():
    simple = resolve_templates("simple")

    assert resolve_templates(["{}", "simple"]) == ("{}", *simple)
    assert resolve_templates(["default", "{}"], default="an x-ray of {}") == (
        "an x-ray of {}",
        "{}",
    )
    assert resolve_templates(None, default=["a {}"]) == ("a {}",)
    assert resolve_templates(None) == simple


@pytest.mark.parametrize(
    ("templates", "message"),
    [
        ("imagenet", r"set of templates \(default, simple, .* got 'imagenet'"),
        (["{}", "a photo"], r"sentence with one \{\} .* got 'a photo'"),
        (["{} or {}"], r"sentence with one \{\} .* got '\{\} or \{\}'"),
        ([], "at least one template"),
    ],
)
def test_templates__that_cannot_be_filled__are_refused(templates, message):
    with pytest.raises(UsageError, match=message):
        resolve_templates(templates)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("red_fox", "red fox"),
        ("n02123045_tabby-cat", "tabby-cat"),
        ("n02123045 tabby", "tabby"),
        ("n02123045", "n02123045"),
        ("t-shirt", "t-shirt"),
        ("  Great__Grey Owl ", "Great Grey Owl"),
        ("___", "___"),
        ("n0212304_x", "n0212304 x"),
    ],
)
def test_readable_name__label__reads_as_people_say_it(label, name):
    assert readable_name(label) == name
