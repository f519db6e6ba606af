from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.apps.library.names import entry_name, fold
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
    ("name", "fault"),
    [
        ("", "is empty"),
        ("x" * 101, "has 101 characters, and at most 100 are allowed"),
        ("鳥" * 90, "has 270 bytes in UTF-8, and at most 239 are allowed"),
        (".hidden", r"begins with '\.'"),
        ("..", r"begins with '\.'"),
        ("-x", "begins with '-'"),
        (" x", "begins with ' '"),
        ("x.", r"ends with '\.'"),
        ("x ", "ends with ' '"),
        ("\u0301x", "begins with '\u0301', a mark"),
        ("a/b", "contains '/'"),
        ("a\\b", r"contains '\\\\'"),
        ("a:b", "contains ':'"),
        ("a\0b", r"contains '\\x00'"),
        ("a\nb", r"contains '\\n'"),
        ("a\u202eb", "contains"),
        ("a\udc80b", "contains"),
        ("a*", "contains"),
        ("🦊", "contains"),
        *[
            (f"we{invisible}ar", r"contains the invisible character U\+[0-9A-F]{4,5}")
            for invisible in "\u034f\u115f\u1160\u17b4\u180b\u180f\u3164\ufe0f\uffa0\U000e0100"
        ],
        *[
            (name, "is the name of a device in Windows")
            for name in ("con", "NUL", "Com1", "lpt9.x")
        ],
    ],
)
def test_entry_name__that_some_system_cannot_have__is_refused(name, fault):
    with pytest.raises(UsageError, match=f"{fault}.*letters and digits of any script"):
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
