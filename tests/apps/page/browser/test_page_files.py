"""The page's files: complete words, no markup from texts, readable colours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[4] / "metaadapter" / "apps" / "page" / "static"
SCRIPTS = {path.name: path.read_text("utf-8") for path in sorted(PAGE.glob("*.js"))}
HTML = (PAGE / "index.html").read_text("utf-8")
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
        whole |= set(re.findall(r'(?:say|button)\(\s*"(\w+)"', text))
        for one, other in re.findall(r'say\([^"`\n]*\? "(\w+)" : "(\w+)"', text):
            whole |= {one, other}
        begun |= set(re.findall(r"say\(`(\w+_)\$\{", text))
    chosen = SCRIPTS["next_step.js"] + SCRIPTS["tray_card.js"].split("function reasonKey")[1]
    whole |= set(re.findall(r'(?:key: |return |\? |: )"(\w+)"', chosen))
    return whole, begun


@pytest.fixture(scope="module")
def words(modules):
    return modules.evaluate("import('/page/words.en.js').then(({words}) => words)")


def test_words__exist_for_every_key_of_the_page(words):
    whole, begun = used_words()

    assert len(whole) > 60  # the search finds them
    assert whole <= set(words) | {"words"}
    assert all(any(key.startswith(beginning) for key in words) for beginning in begun)


def test_words__are_all_used(words):
    everything = HTML + "".join(text for name, text in SCRIPTS.items() if name != "words.en.js")
    _, begun = used_words()

    unsaid = [key for key in words if f'"{key}"' not in everything]

    assert [key for key in unsaid if not key.startswith(tuple(begun))] == []


def test_words__with_a_form_for_one_have_one_for_others(words):
    forms = [value for value in words.values() if not isinstance(value, str)]

    assert forms
    assert all(form.keys() == {"one", "other"} for form in forms)


def test_scripts__put_nothing_into_the_page_as_markup():
    markup = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    )

    assert {name for name, text in SCRIPTS.items() if markup.search(text)} == set()


def test_files__name_no_other_host():
    elsewhere = re.compile(r"(?:https?:)?//(?!www\.w3\.org/2000/svg)[\w-]+\.\w+")
    files = SCRIPTS | STYLES | {"index.html": HTML}

    assert {name for name, text in files.items() if elsewhere.search(text)} == set()


def test_page__has_no_inline_script_or_style():
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", HTML) == []


def luminance(colour):
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast__is_that_of_the_guidelines():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # their own example


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours__of_text__contrast_with_what_they_stand_on(scheme):
    light, dark = STYLES["colours.css"].split("@media")
    colours = dict(re.findall(r"(--[\w-]+): (#\w{6})", light if scheme == "light" else dark))

    poor = [pair for pair in READ if contrast(*(colours[name] for name in pair)) < 4.5]

    assert poor == []
