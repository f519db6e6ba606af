"""Classes divided into disjoint parts, kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from episodes.errors import EpisodeError

__all__ = ["ClassSplit", "split_classes"]

SCHEMA = "episodes.class_split/1"


@dataclass(frozen=True, slots=True)
class ClassSplit:
    """Named parts of a data set's classes, such as "train" and "validation".

    Raises:
        EpisodeError: if a class is in two parts, or twice in one.
    """

    parts: dict[str, tuple[str, ...]]
    """Class names of each part, sorted."""

    def __post_init__(self) -> None:
        part_of: dict[str, str] = {}
        for part, names in self.parts.items():
            for name in names:
                if name in part_of:
                    raise EpisodeError(
                        f"class {name!r} is in part {part_of[name]!r} and again in {part!r}; "
                        "parts must not share a class: leave it in one of them"
                    )
                part_of[name] = part

    def save(self, path: Path) -> None:
        """Write the parts as JSON.

        Raises:
            OSError: if the file cannot be written.
        """
        document = {"schema": SCHEMA, "parts": self.parts}
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        unfinished = path.with_name(f"{path.name}.tmp")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> ClassSplit:
        """Read what `save` wrote.

        Raises:
            EpisodeError: if the file is not a class split, or its parts share a class.
            OSError: if it cannot be read.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as reason:
            raise EpisodeError(f"{path} is not a class split: it is not JSON ({reason})") from None
        schema = document.get("schema") if isinstance(document, dict) else None
        if schema != SCHEMA:
            raise EpisodeError(
                f"{path} is not a class split: expected an object with "
                f'"schema": "{SCHEMA}", got {schema!r}; make one with split_classes(…).save(path)'
            )
        parts = document.get("parts")
        if not _is_parts(parts):
            raise EpisodeError(
                f'{path}: "parts" must map the name of each part to a list of class names, '
                'as in {"train": ["heron", "owl"], "validation": ["wren"]}'
            )
        try:
            return cls({part: tuple(names) for part, names in parts.items()})
        except EpisodeError as reason:
            raise EpisodeError(f"{path}: {reason}") from None


def split_classes(names: Sequence[str], shares: Mapping[str, float], seed: int) -> ClassSplit:
    """Divide classes at random.

    Args:
        names: class names; their order does not matter.
        shares: share of the classes for each part, together 1.
        seed: another one gives another division.

    Returns:
        Parts whose sizes are within one class of their shares.

    Raises:
        EpisodeError: if a name comes twice, the shares do not add up to 1, or a part would be
            empty.
    """
    if abs(sum(shares.values()) - 1) > 1e-9 or min(shares.values()) <= 0:
        raise EpisodeError(
            f"shares must be above 0 and add up to 1, got {dict(shares)}, "
            f"together {sum(shares.values()):g}"
        )
    ordered = sorted(names)
    twice = [name for name, other in pairwise(ordered) if name == other]
    if twice:
        raise EpisodeError(f"class {twice[0]!r} is given twice; give each class once")
    shuffled = [ordered[i] for i in np.random.default_rng(seed).permutation(len(ordered))]
    ends = np.round(np.cumsum(list(shares.values())) * len(shuffled)).astype(int).tolist()
    parts = {
        part: tuple(sorted(shuffled[start:end]))
        for part, start, end in zip(shares, [0, *ends[:-1]], ends, strict=True)
    }
    empty = [part for part, members in parts.items() if not members]
    if empty:
        raise EpisodeError(
            f"part {empty[0]!r} would have no class: {shares[empty[0]]:g} of {len(shuffled)} "
            "classes; give it a larger share or divide more classes"
        )
    return ClassSplit(parts)


def _is_parts(parts: object) -> bool:
    return isinstance(parts, dict) and all(
        isinstance(names, list) and all(isinstance(name, str) for name in names)
        for names in parts.values()
    )
