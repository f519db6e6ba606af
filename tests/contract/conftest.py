"""A folder as a user has it."""

from __future__ import annotations

import shutil

import pytest

from metaadapter.data.reader import DEMO


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`photos/` with three classes of two pictures, and `new/` with others."""
    folder = tmp_path_factory.mktemp("a user's folder")
    (folder / "new").mkdir()
    for label in ("dress", "hat", "shoes"):
        (folder / "photos" / label).mkdir(parents=True)
        for number, path in enumerate(sorted((DEMO / label).iterdir())[:4]):
            shutil.copy(path, folder / ("new" if number > 1 else f"photos/{label}"))
    return folder
