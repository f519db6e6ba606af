"""Pictures of a project found by the names of frames in a detector's file.

A person may add a folder, a folder above it, or single files; and a detector's file names frames
relative to a folder, or by whole paths. So two names mean one frame if one is the end of the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

REMEDY = "add the folder that holds the folders of all cameras"


class NameMatches(NamedTuple):
    """The frames of a detector's file, as the project has them."""

    pictures: dict[str, str]
    """Name in the detector's file → the picture."""
    refused: dict[str, str]
    """Name in the detector's file → why no picture can be chosen for it."""
    missing: list[str]
    """Names in the detector's file of which the project has no picture."""


def match_names(names: Mapping[str, str], files: Iterable[str]) -> NameMatches:
    """Match pictures, given as id → name, with the names of frames in a detector's file."""
    by_name, by_end = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for picture, name in names.items():
        by_name[name].append(picture)
        for end in _ends(name):
            by_end[end].append(picture)
    pictures, refused, missing = dict[str, str](), dict[str, str](), list[str]()
    claims = defaultdict[str, list[str]](list)
    for file in files:
        same_end = next((by_name[end] for end in _ends(file) if end in by_name), [])
        candidates = by_name.get(file) or by_end.get(file) or same_end
        if len(candidates) == 1:
            claims[candidates[0]].append(file)
        elif candidates:
            listed = ", ".join(repr(names[picture]) for picture in candidates[:3])
            refused[file] = f"{len(candidates)} pictures may be this frame: {listed}; {REMEDY}"
        else:
            missing.append(file)
    for picture, claiming in claims.items():
        exact = [file for file in claiming if file == names[picture]]
        if len(claiming) == 1 or exact:
            chosen = (exact or claiming)[0]
            pictures[chosen] = picture
            missing += [file for file in claiming if file != chosen]
            continue
        others = ", ".join(map(repr, claiming[:3]))
        for file in claiming:
            refused[file] = (
                f"the file lists {others}, and the picture {names[picture]!r} may be any of them; "
                f"{REMEDY}"
            )
    return NameMatches(pictures, refused, missing)


def _ends(name: str) -> Iterator[str]:
    """A name without its first folders, the longest end first; the whole name is left out."""
    parts = name.split("/")
    for start in range(1, len(parts)):
        yield "/".join(parts[start:])
