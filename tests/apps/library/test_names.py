from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.apps.library.entry import entry_name, fold
from metaadapter.errors import UsageError


@pytest.mark.parametrize(
    "name",
    [
        "wear",
        "Wear 2",
        "red_fox",
        "a.b",
        "0",
        "_x_",
        "x-y",
        "Vögel",
        "Vo\u0308gel",  # composed: V\u00f6gel
        "птицы",
        "鳥",
        "हिन्दी",
        "console",
    ],
)
def test_entry_name__letters_of_any_script__stays_as_it_is(name):
    assert entry_name(name) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "x" * 101, "鳥" * 90, ".hidden", "..", "-x", " x", "x.", "x ", "\u0301x", "a/b"),
        *("a\\b", "a:b", "a\0b", "a\nb", "a\u202eb", "a\udc80b", "a*", "🦊"),
        *(f"we{unseen}ar" for unseen in "\u034f\u115f\u1160\u17b4\u180b\u3164\ufe0f\U000e0100"),
        *("con", "NUL", "Com1", "lpt9.x"),
    ],
)
def test_entry_name__that_some_system_cannot_have__is_refused(name):
    with pytest.raises(UsageError, match=r"is not possible: .*letters and digits of any script"):
        entry_name(name)


@given(st.text(max_size=120))
def test_entry_name__any_text__is_refused_or_a_plain_name_of_a_file(text):
    try:
        name = entry_name(text)
    except UsageError:
        return

    assert entry_name(name) == name
    assert len(f"{name}.adapter.new.tmp".encode()) <= 255
    assert not set(name) & set('/\\:*?"<>|\0')
    assert fold(name) == fold(fold(name))
