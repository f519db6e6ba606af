"""The signatures of all entries in one index, so that a query to the library opens one file.

The index is derived from the entries and cached in a hidden folder. Each reader brings it up to
date. Parts that cannot be read or written are computed again, so the cache never causes an error.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import torch
from jaxtyping import Float16, Int64
from torch import Tensor

from metaadapter.adapter.layout import CONFIG_FILE, open_skill
from metaadapter.adapter.listed_skills import seal_of
from metaadapter.adapter.skill import read_signature
from metaadapter.adapter.tensor_fields import TensorFields
from metaadapter.apps.library.entry import require_shared_features
from metaadapter.errors import MetaAdapterError
from metaadapter.features.fingerprint import Fingerprint

Stamp: TypeAlias = tuple[int, int, int]
"""Size, modification time in nanoseconds, and inode of a file; they differ if it has changed."""
NO_FILE: Stamp = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class IndexedEntry:
    """The facts of one entry in the index."""

    name: str
    stamp: Stamp
    damaged: str = ""
    """Why the entry cannot be used; if it cannot be read, the other fields are empty."""
    width: int = 0
    first: int = 0
    """The first row of the entry in the stack; it has one row for each class."""
    classes: tuple[bool | int | float | str, ...] = ()
    class_names: tuple[str, ...] = ()
    """The names that the encoder read; "" for a class without a name."""
    encoder: str | None = None
    fingerprint: Fingerprint | None = None
    n_views: int = 1
    scatter: float = 0.0
    """The variance of pictures around the means of their classes, summed over all directions."""
    freedom: int = 0
    """The degrees of freedom of the scatter: pictures minus classes that have pictures."""
    seal: str = ""
    """The `seal_of` the file."""

    @property
    def rows(self) -> slice:
        """The rows of the entry in the stack of its width."""
        return slice(self.first, self.first + len(self.classes))

    def has_encoder_of(self, other: IndexedEntry) -> bool:
        """True if the encoders are the same, judged by name and width without fingerprints."""
        if self.fingerprint is not None and other.fingerprint is not None:
            return self.fingerprint.matches(other.fingerprint)
        mine = self.width, self.encoder, self.fingerprint
        return mine == (other.width, other.encoder, other.fingerprint)


@dataclass(frozen=True, slots=True)
class SignatureStack(TensorFields):
    """The M classes of all entries of width D; zeros where a class has no pictures or text."""

    means: Float16[Tensor, "M D"]
    text: Float16[Tensor, "M D"]
    counts: Int64[Tensor, " M"]
    owners: Int64[Tensor, " M"]
    """For each class, the index of its entry in `SignatureIndex.entries`."""

    def with_pictures(self, numbers: Collection[int]) -> SignatureStack:
        """Return the classes with pictures of these entries, whose owners are numbered from 0."""
        chosen = torch.tensor(sorted(numbers), dtype=torch.int64)
        is_used_M = self.means.any(-1) & torch.isin(self.owners, chosen)
        fields = {name: tensor[is_used_M] for name, tensor in self.tensors().items()}
        return SignatureStack(**{**fields, "owners": torch.searchsorted(chosen, fields["owners"])})

    @classmethod
    def empty(cls, width: int) -> SignatureStack:
        """A stack without classes."""
        rows, numbers = torch.zeros(0, width).half(), torch.zeros(0, dtype=torch.int64)
        return cls(rows, rows, numbers, numbers)


@dataclass(frozen=True, slots=True)
class SignatureIndex:
    """The signatures of all entries, sorted by name: width → stack, perhaps mapped from a file."""

    entries: tuple[IndexedEntry, ...]
    stacks: Mapping[int, SignatureStack]

    @property
    def damaged(self) -> dict[str, str]:
        """Name of each entry that cannot be used → reason."""
        return {entry.name: entry.damaged for entry in self.entries if entry.damaged}

    @property
    def stamps(self) -> dict[str, Stamp]:
        """Name of each entry → stamp of its file when it was read."""
        return {entry.name: entry.stamp for entry in self.entries}

    @property
    def seals(self) -> dict[str, str]:
        """Name of each entry → `seal_of` its file; "" if it cannot be read."""
        return {entry.name: entry.seal for entry in self.entries}

    def with_faults(self, faults: Mapping[str, str]) -> SignatureIndex:
        """Return an index with name → reason as damaged entries; unknown names come last."""
        entries = [
            replace(entry, damaged=entry.damaged or faults.get(entry.name, ""))
            for entry in self.entries
        ]
        known = self.seals
        lost = [
            IndexedEntry(name, NO_FILE, damaged=reason)
            for name, reason in faults.items()
            if name not in known
        ]
        return SignatureIndex((*entries, *lost), self.stacks)

    def by_encoder(self) -> list[list[str]]:
        """Group the names of undamaged entries by their encoder, the largest group first."""
        groups: list[list[IndexedEntry]] = []
        for entry in self.entries:
            if entry.damaged:
                continue
            group = next((group for group in groups if group[0].has_encoder_of(entry)), None)
            if group is None:
                groups.append([entry])
            else:
                group.append(entry)
        groups.sort(key=len, reverse=True)
        return [[entry.name for entry in group] for group in groups]


def folder_stamps(folder: Path) -> dict[str, Stamp]:
    """Return file name → stamp for a folder; the fastest way to see that nothing has changed."""
    stamps: dict[str, Stamp] = {}
    with suppress(FileNotFoundError), os.scandir(folder) as files:
        for file in files:
            with suppress(OSError):  # the file was removed, or is a dangling link
                stamps[file.name] = _stamp(file.stat())
    return stamps


def entry_stamps(files: Mapping[str, Path]) -> dict[str, Stamp]:
    """Return name of each entry → current stamp of its file, without files that were removed."""
    stamps: dict[str, Stamp] = {}
    for name, file in files.items():
        try:
            stamps[name] = _stamp(file.stat())
        except OSError:
            if file.is_symlink():  # a dangling link is a damaged entry
                stamps[name] = NO_FILE
    return stamps


def update_index(
    old: SignatureIndex, files: Mapping[str, Path], stamps: Mapping[str, Stamp]
) -> SignatureIndex:
    """Return the index of the files with these stamps; read only files that are new or changed."""
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


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_size, status.st_mtime_ns, status.st_ino


def _read(name: str, file: Path, stamp: Stamp) -> tuple[IndexedEntry, SignatureStack | None]:
    try:
        config, signature = read_signature(file)
        seal = seal_of(open_skill(file, CONFIG_FILE))
        require_shared_features(config, f"the adapter {file}")
    except MetaAdapterError as error:
        return IndexedEntry(name, stamp, damaged=str(error)), None
    n_directions = len(signature.directions)
    rest = float(signature.noise) * (config.width - n_directions)
    entry = IndexedEntry(
        name,
        stamp,
        width=config.width,
        classes=tuple(config.classes),
        class_names=tuple(config.class_names or [""] * len(config.classes)),
        encoder=config.origin.encoder,
        fingerprint=config.origin.fingerprint,
        n_views=config.origin.n_views,
        scatter=float(signature.variances.sum()) + rest,
        freedom=int((signature.counts - 1).clamp(min=0).sum()),
        seal=seal,
    )
    counts = signature.counts.to(torch.int64)
    part = SignatureStack(signature.means.half(), signature.text.half(), counts, counts)
    return entry, part


def _part(stack: SignatureStack, rows: slice) -> SignatureStack:
    return SignatureStack(*(tensor[rows] for tensor in stack.tensors().values()))


def _joined(parts: Sequence[SignatureStack]) -> SignatureStack:
    columns = zip(*(part.tensors().values() for part in parts), strict=True)
    return SignatureStack(*map(torch.cat, columns))
