"""Classes divided into disjoint parts, saved as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from episodes.errors import EpisodeError

SCHEMA = "episodes.class_split/1"


@dataclass(frozen=True, slots=True)
class ClassSplit:
    """Named parts of a data set's classes, such as "train" and "validation".

    Raises:
        EpisodeError: A class is in two parts, or twice in one.
    """

    parts: dict[str, tuple[str, ...]]
    """Class names of each part, sorted."""

    def __post_init__(self) -> None:
        counts = Counter(name for names in self.parts.values() for name in names)
        if twice := [name for name, count in counts.items() if count > 1]:
            raise EpisodeError(f"expected each class once, got {twice[0]!r} more than once")

    def save(self, path: Path) -> None:
        """Write the parts as JSON."""
        text = json.dumps({"schema": SCHEMA, "parts": self.parts}, indent=2, ensure_ascii=False)
        unfinished = path.with_name(f"{path.name}.tmp")
        unfinished.write_text(text + "\n", encoding="utf-8")
        unfinished.replace(path)

    @classmethod
    def load(cls, path: Path) -> ClassSplit:
        """Read a file that `save` wrote.

        Raises:
            EpisodeError: The file is not a class split, or its parts share a class.
            OSError: The file cannot be read.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            if document["schema"] != SCHEMA:
                raise ValueError(f"schema {document['schema']!r}")
            parts = {part: tuple(names) for part, names in document["parts"].items()}
            if not all(isinstance(name, str) for names in parts.values() for name in names):
                raise ValueError("class names must be texts")
            return cls(parts)
        except EpisodeError as error:
            raise EpisodeError(f"{path}: {error}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise EpisodeError(
                f'{path} is not a class split ({error}): expected {{"schema": "{SCHEMA}", "parts": '
                '{"train": ["heron", "owl"], "validation": ["wren"]}}; make one with '
                "split_classes(…).save(path)"
            ) from error


def split_classes(names: Sequence[str], fractions: Mapping[str, float], seed: int) -> ClassSplit:
    """Divide classes at random into parts; the order of the names does not matter.

    Args:
        names: The names of the classes.
        fractions: Part → its fraction of the classes; the fractions add up to 1. The sizes of the
            parts differ from this by less than one class.
        seed: The seed of the division.

    Raises:
        EpisodeError: A name comes twice, the fractions do not add up to 1, or a part would be
            empty.
    """
    if abs(sum(fractions.values()) - 1) > 1e-9 or min(fractions.values()) <= 0:
        raise EpisodeError(
            f"fractions must be above 0 and add up to 1, got {dict(fractions)}, "
            f"together {sum(fractions.values()):g}"
        )
    ordered = sorted(names)
    shuffled = [ordered[i] for i in np.random.default_rng(seed).permutation(len(ordered))]
    ends = np.round(np.cumsum(list(fractions.values())) * len(shuffled)).astype(int).tolist()
    parts = {
        part: tuple(sorted(shuffled[start:end]))
        for part, start, end in zip(fractions, [0, *ends[:-1]], ends, strict=True)
    }
    empty = [part for part, members in parts.items() if not members]
    if empty:
        raise EpisodeError(
            f"part {empty[0]!r} would have no class: {fractions[empty[0]]:g} of {len(shuffled)} "
            "classes are too few; give it a larger fraction or divide more classes"
        )
    return ClassSplit(parts)
