from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from metaadapter.plain_text import in_markdown, one_line


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
