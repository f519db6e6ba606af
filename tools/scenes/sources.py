"""The sources of objects for scenes, and the classes in each split."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from metaadapter.features.prompts import readable_name

Cut = Literal["alpha", "strokes", "plain", "whole"]
SPLITS = ("train", "validation", "test")
# The fractions for the splits of the head nouns that no source has claimed for a split.
SHARES = (0.7, 0.15, 0.15)
PICTURES = {".jpg", ".jpeg", ".png"}
BEFORE_HEAD = re.compile(r" (with|without|of|and|on|in|for|to) ")


@dataclass(frozen=True, slots=True)
class Source:
    """A folder with one folder of pictures per class.

    Attributes:
        folder: The name of the folder inside the folder of all data.
        cut: The method that cuts an object out of its picture.
        weight: The relative frequency of its objects.
        split: The splits that it may serve; sources without "train" claim their classes first.
        leave_out: A pattern of class names to leave out.
    """

    folder: str
    cut: Cut
    weight: float = 1.0
    split: tuple[str, ...] = SPLITS
    leave_out: str = ""


@dataclass(frozen=True, slots=True)
class ObjectClass:
    """A class of a source: its name as people say it, and its pictures."""

    name: str
    source: Source
    paths: tuple[Path, ...]


def split_classes(sources: Sequence[Source], data: Path, seed: int) -> dict[str, list[ObjectClass]]:
    """The classes of each split; no two splits share a head noun.

    "Black cat" in one source and "cat" in another have the same head noun and go to the same split.
    Sources that are kept from training claim their nouns first; a training class whose noun is
    claimed is left out.
    """
    of_split = {name: [] for name in SPLITS}
    claimed: dict[str, str] = {}
    for source in sorted(sources, key=lambda source: "train" in source.split):
        for thing in _classes(source, data):
            noun = head_noun(thing.name)
            split = claimed.get(noun) or _draw(noun, source.split, seed)
            if "train" not in source.split:
                claimed[noun] = split
            if split in source.split:
                of_split[split].append(thing)
    return of_split


def head_noun(name: str) -> str:
    """The head word of a name in the singular: "cup" for "two cups with straw"."""
    noun = BEFORE_HEAD.split(name.lower())[0].split()[-1]
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun


def list_pictures(folder: Path) -> tuple[Path, ...]:
    """The pictures of a folder and of all folders in it, in the order of their paths."""
    return tuple(path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICTURES)


def _classes(source: Source, data: Path) -> Iterable[ObjectClass]:
    left_out = re.compile(source.leave_out) if source.leave_out else None
    for folder in sorted(path for path in (data / source.folder).iterdir() if path.is_dir()):
        name = readable_name(folder.name).lower()
        if left_out is None or not left_out.search(name):
            yield ObjectClass(name, source, list_pictures(folder))


def _draw(noun: str, splits: Sequence[str], seed: int) -> str:
    shares: Mapping[str, float] = dict(zip(SPLITS, SHARES, strict=True))
    digest = hashlib.sha256(f"{seed} {noun}".encode()).digest()
    place = int.from_bytes(digest[:8]) / 2**64 * sum(shares[split] for split in splits)
    for split in splits:
        place -= shares[split]
        if place < 0:
            return split
    return splits[-1]
