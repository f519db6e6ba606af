"""The page's files: complete words, no markup from texts, readable colours."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from metaadapter.apps.advice import kinds as kinds_of_advice
from metaadapter.apps.page import contents
from metaadapter.apps.page.app import KINDS, STATUSES
from metaadapter.data.decode import FORMATS

PAGE = Path(__file__).parents[4] / "metaadapter" / "apps" / "page" / "static"
SCRIPTS = {path.name: path.read_text("utf-8") for path in sorted(PAGE.glob("*.js"))}
CATALOGUES = {path.stem: json.loads(path.read_text("utf-8")) for path in PAGE.glob("words.*.json")}
ENGLISH = CATALOGUES.pop("words.en")["words"]
HTML = "".join(path.read_text("utf-8") for path in sorted(PAGE.glob("*.html")))
STYLES = {path.name: path.read_text("utf-8") for path in sorted(PAGE.glob("*.css"))}
READ = [  # colours of texts and of their backgrounds
    ("--ink", "--paper"),
    ("--ink", "--raised"),
    ("--ink", "--tint"),
    ("--ink", "--wrong-tint"),
    ("--muted", "--paper"),
    ("--muted", "--raised"),
    ("--muted", "--tint"),
    ("--accent", "--paper"),
    ("--accent", "--raised"),
    ("--accent", "--tint"),
    ("--on-accent", "--accent"),
    ("--wrong", "--paper"),
    ("--wrong", "--raised"),
    ("--doubt", "--raised"),
    ("--doubt", "--tint"),
]


def used_words():
    """The keys that the page uses: whole ones, and beginnings that it completes."""
    whole = set(re.findall(r'data-words(?:-\w+)?="(\w+)"', HTML))
    begun = set()
    for text in SCRIPTS.values():
        whole |= set(re.findall(r'\b(?:say|button|action)\(\s*"(\w+)"', text))
        for one, other in re.findall(r'say\([^"`\n]*\? "(\w+)" : "(\w+)"', text):
            whole |= {one, other}
        begun |= set(re.findall(r"say\(`(\w+_)\$\{", text))
    for script, function in (("lines.js", "nextStep"), ("tray_card.js", "reasonKey")):
        chosen = SCRIPTS[script].split(f"function {function}")[1].split("\n}")[0]
        whole |= set(re.findall(r'(?:key: |return |\? |: )"(\w+)"', chosen))
    return whole, begun


@pytest.fixture(params=CATALOGUES)
def language(request):
    """All words of another language: of the page, and of the server's sentences and reasons."""
    return CATALOGUES[request.param]


def test_words__exist_for_every_key_of_the_page():
    whole, begun = used_words()

    assert len(whole) > 60  # the search finds them
    assert whole <= set(ENGLISH)
    assert all(any(key.startswith(beginning) for key in ENGLISH) for beginning in begun)


def test_language__has_the_same_keys_and_values_as_english(language):
    translated = language["words"]

    assert [*translated] == [*ENGLISH]  # and in the same order, so that a gap is seen
    for key, text in ENGLISH.items():
        assert placeholders(text) == placeholders(translated[key]), key


def placeholders(text):
    return {*re.findall(r"\{(\w+)\}", text)}


def refusals():
    """The kinds of all refusals in the source."""
    source = "".join(path.read_text("utf-8") for path in PAGE.parent.rglob("*.py"))
    kinds = {*re.findall(r'Refusal\(\s*\d+,\s*"([\w-]+)"', source)}
    return kinds | {*KINDS.values(), *(kind for _, kind in STATUSES.values())}


def test_language__has_a_sentence_for_every_refusal_edit_and_advice(language):
    kinds = [
        *refusals(),
        *get_args(contents.EditKind),
        *get_args(kinds_of_advice.Form),
    ]

    assert sorted(language["sentences"]) == sorted(kinds)


def test_scripts__put_nothing_into_the_page_as_markup():
    markup = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    )

    assert {name for name, text in SCRIPTS.items() if markup.search(text)} == set()


def test_files__name_no_other_host():
    elsewhere = re.compile(r"(?:https?:)?//(?!www\.w3\.org/2000/svg)[\w-]+\.\w+")
    files = SCRIPTS | STYLES | {"the HTML files": HTML}

    assert {name for name, text in files.items() if elsewhere.search(text)} == set()


def test_page__has_no_inline_script_or_style():
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", HTML) == []


def test_phone__offers_pictures_that_the_server_reads_but_no_heic_which_iphones_convert():
    first, *others = re.findall(r'accept="([^"]*)"', (PAGE / "phone.html").read_text("utf-8"))

    assert others == [first]
    assert {f"image/{name.lower()}" for name in FORMATS} - {*first.split(",")} == {
        *("image/tiff", "image/bmp", "image/ppm", "image/heif")
    }


def luminance(colour):
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours__of_text__contrast_with_what_they_stand_on(scheme):
    pairs = re.findall(r"(--[\w-]+): light-dark\((#\w{6}), (#\w{6})\)", STYLES["colours.css"])
    colours = {name: light if scheme == "light" else dark for name, light, dark in pairs}

    poor = [pair for pair in READ if contrast(*(colours[name] for name in pair)) < 4.5]

    assert poor == []
