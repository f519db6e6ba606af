"""Equal files, and those that stand in two classes: at least one of the labels must be wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence

from metaadapter.images.content_hash import content_hash
from metaadapter.images.table import ImageRow
from metaadapter.images.unreadable import UnreadableImage, open_readable

__all__ = ["check_duplicates"]

HEAD_BYTES = 4096  # one block of most disks: enough to tell apart nearly all files of equal size


def check_duplicates(rows: Sequence[ImageRow]) -> tuple[str, ...]:
    """Find pictures with equal content and different labels.

    Only files that agree in size and in their first bytes are read to the end, so this is cheap
    on large collections. Files that cannot be read are left to the decoder to report.

    Args:
        rows: Pictures; those without a label are not compared.

    Returns:
        One sentence for each picture found in two or more classes, naming the files.
    """
    groups = [[row for row in rows if row.label is not None]]
    for key in (_size, _head, lambda row: content_hash(row.path)):
        groups = [part for group in groups for part in _divide(group, key)]
    return tuple(_warning(group) for group in groups)


def _divide(
    rows: Iterable[ImageRow], key: Callable[[ImageRow], Hashable]
) -> Iterable[list[ImageRow]]:
    """Divide rows by the key; keep the parts that hold two classes or more."""
    parts: defaultdict[Hashable, list[ImageRow]] = defaultdict(list)
    for row in rows:
        try:
            parts[key(row)].append(row)
        except (OSError, UnreadableImage):
            continue
    return [part for part in parts.values() if len({row.label for row in part}) > 1]


def _size(row: ImageRow) -> int:
    return row.path.stat().st_size


def _head(row: ImageRow) -> bytes:
    with open_readable(row.path) as file:
        return file.read(HEAD_BYTES)


def _warning(group: Sequence[ImageRow]) -> str:
    first_of_class = {row.label: row for row in reversed(group)}
    places = " and ".join(
        f"{label!r} ({first_of_class[label].path})" for label in sorted(map(str, first_of_class))
    )
    return f"the same picture stands in {places}; remove it from the wrong class"
