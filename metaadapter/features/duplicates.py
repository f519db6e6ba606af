"""Pictures of equal content, and those of them in two classes: one of the labels must be wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from metaadapter.features.store.rows import StoredPicture

__all__ = ["contradictions", "equal_pictures"]


def equal_pictures(pictures: Iterable[StoredPicture]) -> tuple[tuple[StoredPicture, ...], ...]:
    """The groups of two or more pictures of equal content, each sorted by path."""
    by_content: dict[str, list[StoredPicture]] = {}
    for picture in pictures:
        by_content.setdefault(picture.sha256, []).append(picture)
    return tuple(tuple(sorted(group)) for group in by_content.values() if len(group) > 1)


def contradictions(groups: Iterable[Sequence[StoredPicture]]) -> tuple[str, ...]:
    """A sentence for each group of equal pictures that has two labels, naming a file of each."""
    warnings = []
    for group in groups:
        first_of_label = {picture.label: picture for picture in reversed(group) if picture.label}
        if len(first_of_label) > 1:
            places = (
                f"{label!r} ({first_of_label[label].path})" for label in sorted(first_of_label)
            )
            warnings.append(
                f"the same picture stands in {' and '.join(places)}; remove it from the wrong class"
            )
    return tuple(warnings)
