"""Read a label tree from indented text, and fit it to the labels of classes."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from metaadapter.adapter.label_tree import LabelTree
from metaadapter.errors import DataError
from metaadapter.features.prompts import readable_name
from metaadapter.files.regular_files import read_utf8


def read_label_tree(file: Path) -> LabelTree:
    """Read a label tree: one name on each line, indented below its parent.

    Raises:
        DataError: The file cannot be read or has no name, a name occurs twice, or a line is not
            indented as a line above it.
    """
    parents: dict[str, str] = {}
    lines: dict[str, int] = {}
    above: list[tuple[int, str]] = []
    text = read_utf8(file, "label tree", saved_as="it again as UTF-8")
    for number, line in enumerate(text.splitlines(), start=1):
        name = line.strip()
        if not name:
            continue
        if name in parents:
            raise DataError(
                f"{name!r} is in line {lines[name]} of {file} and again in line {number}; delete "
                "or rename one of the two"
            )
        depth = len(line.expandtabs()) - len(line.expandtabs().lstrip())
        below = [indented for indented in above if indented[0] >= depth]
        above = [indented for indented in above if indented[0] < depth]
        if below and depth != below[0][0]:
            raise DataError(
                f"expected line {number} of {file}, {name!r}, to be indented as a line above it, "
                f"got {depth} spaces, which lie between its parent and {below[0][1]!r} with "
                f"{below[0][0]}; indent names of one parent alike"
            )
        parents[name], lines[name] = above[-1][1] if above else "", number
        above.append((depth, name))
    if not parents:
        raise DataError(f"expected names of classes and of their parents in {file}, got none")
    return LabelTree(parents)


def fitted_tree(tree: LabelTree, classes: Sequence[str], file: Path) -> LabelTree:
    """Return the tree of a file with the labels of classes as names.

    A name that reads like a label ("red fox" like "red_fox") is that of its class.

    Raises:
        DataError: A class is not in the tree.
    """
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
