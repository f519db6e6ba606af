from __future__ import annotations

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from metaadapter.files.plain_text import from_csv, in_csv, in_markdown, one_line
from metaadapter.files.table_file import Column, csv_table


@given(st.text())
def test_one_line__any_text__is_one_line_without_controls(text):
    shown = one_line(text)

    assert len(shown.splitlines()) <= 1
    assert not [letter for letter in shown if unicodedata.category(letter) in ("Cc", "Zl", "Zp")]


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1))
def test_in_markdown__any_text__comes_out_letter_for_letter(text):
    html = MarkdownIt("gfm-like", {"linkify": False}).render(f"x {in_markdown(text)}")

    shown = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert html == f"<p>x {shown.replace(chr(34), '&quot;')}</p>\n"


@given(st.text(st.sampled_from("'=+-@\t\r\n＝,;a1 \"")) | st.text())
def test_in_csv__any_text__begins_no_formula_and_comes_back(text):
    written = in_csv(text)

    assert from_csv(written) == text
    assert not re.search(r"(^|[,;\t])[=+@＝＋－＠-]", written)
    assert not re.match(r"[\t\r\n]", written)


def test_in_csv__negative_number__stays_one():
    assert in_csv(-1.5) == -1.5


def test_table__names_that_another_program_looks_up__stay_as_they_are():
    table = csv_table([Column("path", None), "label"], [("=1.jpg", "=fox")])

    assert table == b"path,label\r\n=1.jpg,'=fox\r\n"
