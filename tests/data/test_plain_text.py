from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from metaadapter.data.plain_text import from_csv, in_csv, in_markdown, one_line


@given(st.text())
def test_one_line__any_text__is_one_line_without_controls(text):
    shown = one_line(text)

    assert len(shown.splitlines()) <= 1
    assert not [letter for letter in shown if unicodedata.category(letter) in ("Cc", "Zl", "Zp")]


@pytest.mark.parametrize("text", ["Füchse & Co.", "狐 🦊", "می‌خواهم", "a\xa0b", "-- =x"])
def test_one_line__text_that_can_be_read__is_as_it_was(text):
    assert one_line(text) == text


def test_one_line__escape_sequence__is_shown_as_python_writes_it():
    assert one_line("\x1b[31m\n\u202e") == r"\x1b[31m\n\u202e"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1))
def test_in_markdown__any_text__comes_out_letter_for_letter(text):
    html = MarkdownIt("gfm-like", {"linkify": False}).render(f"x {in_markdown(text)}")

    shown = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert html == f"<p>x {shown.replace(chr(34), '&quot;')}</p>\n"


@pytest.mark.parametrize(
    "text", ["- x", "+ x", "1. x", "12) x", "# x", "> x", "    x", "=", "3.5 mm"]
)
def test_in_markdown__text_that_begins_a_line__makes_no_block(text):
    html = MarkdownIt("gfm-like", {"linkify": False}).render(f"- {in_markdown(text)}")

    assert html == f"<ul>\n<li>{text.strip().replace('>', '&gt;')}</li>\n</ul>\n"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("https://x.org", r"https\://x.org"),
        ("a@x.org", r"a\@x.org"),
        ("www.x.org", r"www\.x.org"),
        (":skull: a: b", r"\:skull: a: b"),
    ],
)
def test_in_markdown__what_github_makes_a_link_or_a_picture__is_escaped(text, written):
    assert in_markdown(text) == written


@given(st.text(st.sampled_from("'=+-@\t\r\n＝,;a1 \"")) | st.text())
def test_in_csv__any_text__begins_no_formula_and_comes_back(text):
    written = in_csv(text)

    assert from_csv(written) == text
    assert not re.search(r"(^|[,;\t])[=+@＝＋－＠-]", written)
    assert not re.match(r"[\t\r\n]", written)


@pytest.mark.parametrize(
    ("text", "written"),
    [("=1+1", "'=1+1"), ("'=1", "''=1"), ("a;=1", "a;'=1"), ("'a", "'a"), ("a-b = c", "a-b = c")],
)
def test_in_csv__text__has_an_apostrophe_where_a_formula_would_begin(text, written):
    assert in_csv(text) == written


def test_in_csv__negative_number__stays_one():
    assert in_csv(-1.5) == -1.5
