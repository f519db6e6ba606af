from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.apps.library.names import entry_name, fold, not_there
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
        "птицы",
        "鳥",
        "हिन्दी",
        "console",
    ],
)
def test_entry_name__letters_of_any_script__stays_as_it_is(name):
    assert entry_name(name) == unicodedata.normalize("NFC", name)


def test_entry_name__decomposed_letters__are_composed():
    assert entry_name("Vo\u0308gel") == "V\u00f6gel"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "is empty"),
        ("x" * 101, "has 101 characters, and may have 100"),
        ("鳥" * 90, "has 270 bytes in UTF-8, and may have 239"),
        (".hidden", r"begins with '\.'"),
        ("..", r"begins with '\.'"),
        ("-x", "begins with '-'"),
        (" x", "begins with ' '"),
        ("x.", r"ends with '\.'"),
        ("x ", "ends with ' '"),
        ("\u0301x", "begins with '\u0301', a mark"),
        ("a/b", "has '/' in it"),
        ("a\\b", r"has '\\\\' in it"),
        ("a:b", "has ':' in it"),
        ("a\0b", r"has '\\x00' in it"),
        ("a\nb", r"has '\\n' in it"),
        ("a\u202eb", "in it"),
        ("a\udc80b", "in it"),
        ("a*", "in it"),
        ("🦊", "in it"),
        *[(name, "is that of a device of Windows") for name in ("con", "NUL", "Com1", "lpt9.x")],
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


@pytest.mark.parametrize(
    ("one", "other"), [("Wear", "wear"), ("STRASSE", "straße"), ("V\u00f6gel", "vo\u0308gel")]
)
def test_fold__names_that_some_system_takes_for_one__are_one(one, other):
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (["birds", "wear"], r"did you mean 'wear'\?"),
        (["cats"], "it has 'cats'"),
        ([], "it is empty: `metaadapter library add"),
    ],
)
def test_not_there__tells_what_is_near(names, hint):
    error = not_there("Waer", names, "the library x")

    assert re.search(rf"^the library x has no entry 'Waer'; {hint}", str(error))
