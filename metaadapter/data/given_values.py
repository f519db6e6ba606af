"""Paths and texts that a user gives, one or several."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from metaadapter.data.url import as_place


def given_path(path: str | os.PathLike[str]) -> Path:
    """Return a path; `UsageError` for an empty text, which `Path` takes for the current folder."""
    as_place(path)
    return Path(path)


def given_places(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Return the places of files and folders; a text or path by itself is one place."""
    return [as_place(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]


def given_texts(texts: str | Iterable[str]) -> list[str]:
    """Return texts such as names; a text by itself is one, not a list of its letters."""
    return [texts] if isinstance(texts, str) else list(texts)
