"""The facts about a picture in a store, and pictures with equal content."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from metaadapter.data.table import ImageRow


class PictureFacts(NamedTuple):
    """The facts about a picture in the table; "" stands for an unknown fact."""

    path: str
    label: str
    split: str
    group: str
    sha256: str

    @classmethod
    def of(cls, row: ImageRow, sha256: str) -> Self:
        """Return the facts of a row of an `ImageTable` whose content has this hash."""
        return cls(str(row.path), row.label or "", row.split or "", row.group or "", sha256)


FIELDS = PictureFacts._fields
NUMBERED = ("label", "split", "group")


def equal_pictures(pictures: Iterable[PictureFacts]) -> tuple[tuple[PictureFacts, ...], ...]:
    """Return groups of two or more pictures with equal content, each group sorted by path."""
    by_content: dict[str, list[PictureFacts]] = defaultdict(list)
    for picture in pictures:
        by_content[picture.sha256].append(picture)
    return tuple(tuple(sorted(group)) for group in by_content.values() if len(group) > 1)


def contradictions(groups: Iterable[Sequence[PictureFacts]]) -> tuple[str, ...]:
    """Return a warning for each group of equal pictures with different labels."""
    warnings = []
    for group in groups:
        first_of_label = {picture.label: picture.path for picture in reversed(group)}
        first_of_label.pop("", None)
        if len(first_of_label) > 1:
            labels = (f"{label!r} ({path})" for label, path in sorted(first_of_label.items()))
            warnings.append(
                f"the same picture is in {' and '.join(labels)}; remove it from the wrong class"
            )
    return tuple(warnings)
