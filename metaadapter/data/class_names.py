"""Names of classes: when two are the same for a reader, and names from a file."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from unicodedata import category, normalize

from metaadapter.data.regular_files import regular
from metaadapter.data.strict_json import parse_json
from metaadapter.data.table import ImageTable
from metaadapter.errors import DataError

EXAMPLE = 'a JSON object from labels to names, such as {"AnnualCrop": "Annual Crop Land"}'


def same_label_spelling(label: str) -> str:
    """Return a text that is equal for labels that a person takes for the same.

    Width, case, invisible characters, underscores and the kind and number of spaces do not count:
    "Red_Fox", "red  fox" and "ｒｅｄ ｆｏｘ" are one label.
    """
    folded = normalize("NFKC", normalize("NFKC", label).casefold())
    visible = "".join(letter for letter in folded if category(letter) != "Cf")
    return " ".join(visible.replace("_", " ").split())


def with_class_names(table: ImageTable, file: Path) -> ImageTable:
    """Return a table whose labels are the names that a file has for them; other labels stay.

    Raises:
        DataError: The file is not a JSON object of texts, names no class of the table, or gives two
            classes one name.
    """
    names = _read(file)
    classes = table.classes
    known = {label: names.get(label, label) for label in classes}
    unknown = sorted(set(names) - set(classes))
    if len(unknown) == len(names):
        raise DataError(
            f"none of the {len(names)} labels in {file} is a class of the pictures: it has "
            f"{', '.join(map(repr, unknown[:3]))}, and the pictures have "
            f"{', '.join(map(repr, classes[:3]))}; correct the labels"
        )
    if shared := [name for name, count in Counter(known.values()).items() if count > 1]:
        labels = [label for label, name in known.items() if name == shared[0]]
        raise DataError(
            f"expected a name of its own for each class, but with {file} {' and '.join(labels)} "
            f"are both {shared[0]!r}; change one of these names"
        )
    warnings = table.warnings
    if unknown:
        listed = ", ".join(unknown[:3]) + (", …" if unknown[3:] else "")
        warnings += (f"{len(unknown)} label(s) of {file} have no pictures: {listed}",)
    return replace(
        table,
        rows=tuple(replace(row, label=known[row.label or ""]) for row in table.rows),
        descriptions={known[label]: lines for label, lines in table.descriptions.items()},
        warnings=warnings,
    )


def _read(file: Path) -> dict[str, str]:
    try:
        names = parse_json(regular(file).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"cannot read the names of classes in {file}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"expected {EXAMPLE}, in {file}, but it is not JSON: {error}") from error
    if not isinstance(names, dict) or not names:
        raise DataError(f"expected {EXAMPLE}, in {file}, but it holds something else")
    for label, name in names.items():
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"expected a text as the name of {label!r} in {file}, got {name!r}")
    return names
