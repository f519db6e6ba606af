"""The stores of a set: one store, or one for the labelled pictures and one for the queries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from metaadapter.errors import DataError
from metaadapter.training.config_file import find_path

AT = "@"


def _resolved(store: str) -> str:
    """Return the absolute path without links, whose last part names the set."""
    try:
        return str(Path(store).resolve())
    except (OSError, ValueError, RuntimeError) as error:
        raise ValueError(f"{store!r} cannot be a path: {error}") from error


StoreFolder = Annotated[str, AfterValidator(_resolved)]
StoreSource = StoreFolder | tuple[StoreFolder, StoreFolder]
"""A store, or the store of the labelled pictures and the store of the queries."""


def read_source(text: str, folder: Path) -> str | tuple[str, str]:
    """Return the store that STORE names, or the two stores that SUPPORT@QUERY names.

    A text that is an existing path is one store, even if it contains an @. A path is relative to
    `folder`, or, if nothing is there, to the working directory. Raise `DataError` if the text has
    an @, but is no path, and no @ has existing paths on both sides.
    """
    whole = find_path(text, folder)
    if AT not in text or whole.exists():
        return str(whole)
    pairs = [(text[:place], text[place + 1 :]) for place, letter in enumerate(text) if letter == AT]
    for support, query in pairs:
        paths = find_path(support, folder), find_path(query, folder)
        if support and query and all(path.exists() for path in paths):
            return str(paths[0]), str(paths[1])
    tried = ", or ".join(f"{support!r} and {query!r}" for support, query in pairs)
    raise DataError(
        f"expected a feature store, or two feature stores as SUPPORT@QUERY, got {text!r}; there is "
        f"no folder of this name, nor are there both folders {tried}; correct the names"
    )


def folders_of(source: str | tuple[str, str]) -> tuple[str, ...]:
    """Return the folders of a set's stores."""
    return (source,) if isinstance(source, str) else source


def name_of(source: str | tuple[str, str]) -> str:
    """Return the name of a set: the name of its store, or the names of two stores joined by @."""
    return AT.join(Path(folder).name for folder in folders_of(source))
