from __future__ import annotations

import pytest

from tools.card_section import rewrite_section


@pytest.fixture
def card(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("above\n<!-- cone -->\nold\n<!-- end of cone -->\nbelow\n", encoding="utf-8")
    return path


def test_rewrite_section__twice__keeps_what_is_around(card):
    for text in ("first", "second ±"):
        rewrite_section(card, "cone", text)

    expected = "above\n<!-- cone -->\nsecond ±\n<!-- end of cone -->\nbelow\n"
    assert card.read_text(encoding="utf-8") == expected


@pytest.mark.parametrize("name", ["margins", "con"])
def test_rewrite_section__without_the_marks__says_which_and_keeps_the_card(card, name):
    before = card.read_text(encoding="utf-8")

    with pytest.raises(ValueError, match=f"expected <!-- {name} --> once"):
        rewrite_section(card, name, "new")

    assert card.read_text(encoding="utf-8") == before
