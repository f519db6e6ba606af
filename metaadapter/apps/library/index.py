"""The signatures of all entries side by side, so that a question to the library opens one file.

It is derived from the entries and kept in a hidden folder. Who reads brings it up to date, and what
cannot be read or written of it is computed again: it is never the reason of an error.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import torch
from jaxtyping import Float16, Int64
from torch import Tensor

from metaadapter.adapter.skill import read_signature
from metaadapter.adapter.weights import TensorFields
from metaadapter.apps.library.content import require_shared_features
from metaadapter.errors import MetaAdapterError
from metaadapter.features.fingerprint import Fingerprint

Stamp: TypeAlias = tuple[int, int, int]
"""Size, time of the last change in nanoseconds, and number of a file: another one has another."""


@dataclass(frozen=True, slots=True)
class IndexedEntry:
    """One entry of a library, as far as the index tells of it."""

    name: str
    stamp: Stamp
    """Of the skill file that was read."""
    damaged: str = ""
    """Why it cannot be read; the rest then is empty."""
    width: int = 0
    """The width of its features, which is the stack that it is in."""
    first: int = 0
    """Its first row there; it has one for each of its classes."""
    classes: tuple[bool | int | float | str, ...] = ()
    """Its labels, in the order of its rows."""
    class_names: tuple[str, ...] = ()
    """The names that the encoder read; "" where a class has none."""
    encoder: str | None = None
    fingerprint: Fingerprint | None = None
    """The encoder that its features come from, where it is known."""
    n_views: int = 1
    scatter: float = 0.0
    """The variance of pictures around the means of their classes, in all directions together."""
    freedom: int = 0
    """Pictures more than classes that have any, from which the scatter was estimated."""

    @property
    def rows(self) -> slice:
        """Its rows in the stack."""
        return slice(self.first, self.first + len(self.classes))


@dataclass(frozen=True, slots=True)
class SignatureStack(TensorFields):
    """The classes of all entries whose features have one width D, M classes together."""

    means: Float16[Tensor, "M D"]
    """The mean of the pictures of each class; zeros where it has none."""
    text: Float16[Tensor, "M D"]
    """The text feature of each class; zeros where it has none."""
    counts: Int64[Tensor, " M"]
    """The number of pictures of each class."""
    owners: Int64[Tensor, " M"]
    """The entry that each class is of, by its place in `SignatureIndex.entries`."""

    @classmethod
    def empty(cls, width: int) -> SignatureStack:
        """Of no class."""
        rows, numbers = torch.zeros(0, width).half(), torch.zeros(0, dtype=torch.int64)
        return cls(rows, rows, numbers, numbers)


@dataclass(frozen=True, slots=True)
class SignatureIndex:
    """The signatures of all entries of a library; its tensors may lie on the disk.

    Attributes:
        entries: Sorted by name, damaged ones too.
        stacks: Width D → the classes of that width, entry by entry.
    """

    entries: tuple[IndexedEntry, ...]
    stacks: Mapping[int, SignatureStack]

    @property
    def damaged(self) -> dict[str, str]:
        """Name → reason of the entries that cannot be read."""
        return {entry.name: entry.damaged for entry in self.entries if entry.damaged}

    @property
    def stamps(self) -> dict[str, Stamp]:
        """Name → stamp of the file that it was made from."""
        return {entry.name: entry.stamp for entry in self.entries}


def files_seen(folder: Path) -> dict[str, Stamp]:
    """Name of each file in a folder → its stamp; the quickest way to see that nothing changed."""
    found: dict[str, Stamp] = {}
    with suppress(FileNotFoundError), os.scandir(folder) as files:
        for file in files:
            try:
                told = file.stat()
            except OSError:  # it has gone, or is a link to nowhere
                continue
            found[file.name] = (told.st_size, told.st_mtime_ns, told.st_ino)
    return found


def stamps_of(files: Mapping[str, Path]) -> dict[str, Stamp]:
    """Name → stamp of each file as it is now; those that have gone meanwhile are left out."""
    found: dict[str, Stamp] = {}
    for name, file in files.items():
        try:
            told = file.stat()
        except OSError:
            # A link to nowhere is an entry, and damaged.
            if file.is_symlink():
                found[name] = (0, 0, 0)
            continue
        found[name] = (told.st_size, told.st_mtime_ns, told.st_ino)
    return found


def indexed(
    files: Mapping[str, Path], stamps: Mapping[str, Stamp], old: SignatureIndex
) -> SignatureIndex:
    """The index of files with these stamps; what the `old` one has of them is not read again."""
    known = {entry.name: entry for entry in old.entries}
    entries: list[IndexedEntry] = []
    parts: dict[int, list[SignatureStack]] = {}
    heights: Counter[int] = Counter()
    for number, (name, stamp) in enumerate(stamps.items()):
        entry = known.get(name)
        if entry is not None and entry.stamp == stamp:
            part = None if entry.damaged else _part(old.stacks[entry.width], entry.rows)
        else:
            entry, part = _read(name, files[name], stamp)
        if part is not None:
            width, n_way = part.means.shape[1], len(part.means)
            entry = replace(entry, first=heights[width])
            owners = torch.full((n_way,), number)
            parts.setdefault(width, []).append(replace(part, owners=owners))
            heights[width] += n_way
        entries.append(entry)
    return SignatureIndex(tuple(entries), {width: _joined(parts[width]) for width in sorted(parts)})


def _read(name: str, file: Path, stamp: Stamp) -> tuple[IndexedEntry, SignatureStack | None]:
    try:
        config, signature = read_signature(file)
        require_shared_features(config, f"the adapter {file}")
    except MetaAdapterError as error:
        return IndexedEntry(name, stamp, damaged=str(error)), None
    n_kept = len(signature.directions)
    left = float(signature.noise) * (config.width - n_kept)
    entry = IndexedEntry(
        name,
        stamp,
        width=config.width,
        classes=tuple(config.classes),
        class_names=tuple(config.class_names or [""] * len(config.classes)),
        encoder=config.origin.encoder,
        fingerprint=config.origin.fingerprint,
        n_views=config.origin.n_views,
        scatter=float(signature.variances.sum()) + left,
        freedom=int((signature.counts - 1).clamp(min=0).sum()),
    )
    counts = signature.counts.to(torch.int64)
    part = SignatureStack(signature.means.half(), signature.text.half(), counts, counts)
    return entry, part


def _part(stack: SignatureStack, rows: slice) -> SignatureStack:
    return SignatureStack(*(tensor[rows] for tensor in stack.tensors().values()))


def _joined(parts: Sequence[SignatureStack]) -> SignatureStack:
    columns = zip(*(part.tensors().values() for part in parts), strict=True)
    return SignatureStack(*map(torch.cat, columns))
