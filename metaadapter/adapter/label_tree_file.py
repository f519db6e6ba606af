"""Read a label tree: indented text, or a table of ranks."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from metaadapter.adapter.label_tree import MOST_CLASSES, LabelTree
from metaadapter.data.manifest import LABEL_COLUMNS, Record, is_manifest, read_records
from metaadapter.errors import DataError
from metaadapter.features.prompts import readable_name
from metaadapter.files.regular_files import read_utf8

# From the top; `class` is a rank only where another column holds the label.
RANKS = ("kingdom", "phylum", "class", "order", "family", "subfamily", "genus", "supercategory")
LABELS = (*LABEL_COLUMNS, "species", "name")
Edge = tuple[str, str, str]
"""A child, its parent ("" at the top), and their position in the file, such as "line 3"."""


def read_label_tree(file: Path) -> LabelTree:
    """Read a label tree.

    - Text: one name on each line, indented below its parent.
    - A table (.csv, .tsv, .jsonl, .parquet) of classes or pictures: a column of the label, and of
      its ranks, named as in `RANKS`; an empty rank is left out.

    Raises:
        DataError: The file cannot be read, or a name occurs twice or has two parents.
    """
    if not is_manifest(file):
        return _tree(file, _indented(file), may_repeat=False)
    records = read_records(file)
    columns = dict.fromkeys(name for record in records for name in record.values)
    label = next((name for name in LABELS if name in columns), None)
    ranks = [rank for rank in RANKS if rank in columns and rank != label]
    if label is None or not ranks:
        raise DataError(
            f"expected a column of labels ({', '.join(LABELS)}) and columns of ranks "
            f"({', '.join(RANKS)}) in {file}, but its columns are "
            f"{', '.join(map(repr, columns)) or 'none'}; rename them"
        )
    return _tree(file, _ranked(records, label, ranks), may_repeat=True)


def fitted_tree(tree: LabelTree, classes: Sequence[str], file: Path) -> LabelTree:
    """Return the tree of a file with the labels of classes as names.

    A name that reads like a label ("red fox" like "red_fox") is that of its class.

    Raises:
        DataError: A class is not in the tree, or there are too many classes.
    """
    if len(classes) > MOST_CLASSES:
        raise DataError(
            f"a label tree is for at most {MOST_CLASSES} classes, got {len(classes)}; leave the "
            "tree out, or make several adapters"
        )
    missing = {_spelled(label): label for label in classes if label not in tree.names}
    names = {_spelled(name): name for name in sorted(tree.names.difference(classes))}
    tree = tree.renamed({names[key]: missing[key] for key in names.keys() & missing.keys()})
    lost = sorted(missing[key] for key in missing.keys() - names.keys())
    if lost:
        listed = ", ".join(map(repr, lost[:5])) + (", …" if len(lost) > 5 else "")
        near = difflib.get_close_matches(lost[0], names.values(), n=1)
        hint = f" ({lost[0]!r} may be its {near[0]!r})" if near else ""
        raise DataError(
            f"expected every class in the label tree {file}, but it does not have {listed}{hint}; "
            "add each to the file, at the top if it has no parent"
        )
    return tree


def _spelled(name: str) -> str:
    return readable_name(name).casefold()


def _indented(file: Path) -> Iterator[Edge]:
    above: list[tuple[int, str]] = []
    for number, line in enumerate(
        read_utf8(file, "label tree", saved_as="it again as UTF-8").splitlines(), start=1
    ):
        name = line.strip()
        if not name:
            continue
        depth = len(line.expandtabs()) - len(line.expandtabs().lstrip())
        below = [indented for indented in above if indented[0] >= depth]
        above = [indented for indented in above if indented[0] < depth]
        if below and depth != below[0][0]:
            raise DataError(
                f"expected line {number} of {file}, {name!r}, to be indented as a line above it, "
                f"got {depth} spaces, which lie between its parent and {below[0][1]!r} with "
                f"{below[0][0]}; indent names of one parent alike"
            )
        yield name, above[-1][1] if above else "", f"line {number}"
        above.append((depth, name))


def _ranked(records: Iterable[Record], label: str, ranks: list[str]) -> Iterator[Edge]:
    for record in records:
        own = record.values.get(label, "")  # a line of JSON may leave a key out
        names = [record.values.get(rank, "") for rank in ranks]
        if own:
            # The only species of a genus may have its name.
            path = ["", *dict.fromkeys(name for name in names if name not in ("", own)), own]
            yield from ((a, b, record.position) for b, a in pairwise(path))


def _tree(file: Path, edges: Iterable[Edge], *, may_repeat: bool) -> LabelTree:
    parents: dict[str, str] = {}
    places: dict[str, str] = {}
    for child, parent, position in edges:
        if child in parents and not (may_repeat and parents[child] == parent):
            first = f"{places[child]} of {file}"
            if parents[child] == parent:
                raise DataError(
                    f"{child!r} is in {first} and again in {position}; delete one of the two"
                )
            one, other = (name or "nothing" for name in (parents[child], parent))
            raise DataError(
                f"{child!r} has two parents: {one!r} in {first}, and {other!r} in {position}; keep "
                "one of them, or rename one child"
            )
        parents[child] = parent
        places.setdefault(child, position)
    if not parents:
        raise DataError(f"expected names of classes and of their parents in {file}, got none")
    return LabelTree(parents)
