from __future__ import annotations

from pathlib import Path

import pytest

from metaadapter.data.regular_files import given_path, given_places, given_texts
from metaadapter.data.url import Url
from metaadapter.errors import UsageError


def test_given_places__a_single_text_or_path__is_one_place():
    assert given_places("/new/photos") == given_places(Path("/new/photos")) == [Path("/new/photos")]
    assert given_places(["a", Path("b"), "memory://c"]) == [Path("a"), Path("b"), Url("memory://c")]


def test_given_texts__a_single_text__is_one_text():
    assert given_texts("dress") == ["dress"]
    assert given_texts(("dress", "hat")) == ["dress", "hat"]


def test_given_path__an_empty_text__is_refused_and_not_the_current_folder():
    for read in (given_path, given_places):
        with pytest.raises(UsageError, match="an empty text is no path"):
            read("")
    assert given_path(".") == Path()
