"""Names of classes: which spellings are the same, and names from a file in place of labels."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from metaadapter.data.regular_files import read_utf8
from metaadapter.data.strict_json import parse_json
from metaadapter.data.table import ImageTable
from metaadapter.errors import DataError, UsageError

EXAMPLE = 'a JSON object from labels to names, such as {"AnnualCrop": "Annual Crop Land"}'

# Letters and marks that nobody sees: Default_Ignorable_Code_Point in DerivedCoreProperties.txt of
# Unicode 16, which `unicodedata` lacks. All others of that list are no letters or marks.
UNSEEN_LETTERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
# The flags of England and Scotland differ only in these.
TAGS = range(0xE0020, 0xE0080)
MOST_SHOWN = 3


def same_label_spelling(label: str) -> str:
    """Return the key under which two spellings of a label are the same.

    It is the text in NFKC and without case, without invisible characters, and with a space for
    underscores and white space.
    """
    text = UNSEEN_LETTERS.sub("", unicodedata.normalize("NFKC", label).replace("_", " "))
    seen = "".join(character for character in text if not _is_unseen(character))
    return unicodedata.normalize("NFKC", " ".join(seen.split()).casefold())


def alike_labels(labels: Iterable[str]) -> str:
    """Return labels that differ only in spelling, as in "'red fox' and 'red_fox'"; or ""."""
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for label in sorted({*labels}):
        spellings[same_label_spelling(label)].append(label)
    alike = [" and ".join(map(_shown, some)) for some in spellings.values() if len(some) > 1]
    return "; ".join(alike[:MOST_SHOWN]) + ("; …" if len(alike) > MOST_SHOWN else "")


def require_own_spelling(labels: Iterable[str], owner: str) -> None:
    """Raise a `DataError` if two labels of `owner` differ only in spelling."""
    if alike := alike_labels(labels):
        raise DataError(
            f"{owner} differ only by an underscore, a space, the case of letters or an invisible "
            f"character: {alike}; give one class one spelling, and two classes different names"
        )


def require_new_spelling(label: str, classes: Iterable[str]) -> None:
    """Raise a `UsageError` if a new label differs from that of a class only in spelling."""
    key = same_label_spelling(label)
    if same := next((known for known in classes if same_label_spelling(known) == key), None):
        raise UsageError(
            f"the new class {_shown(label)} differs from the class {_shown(same)} only by an "
            "underscore, a space, the case of letters or an invisible character; give another name"
        )


def spelled_alike(alike: str) -> str:
    """Return the warning about the `alike_labels` of a feature store, whose labels stay."""
    return f"these labels are different classes, though they differ only in spelling: {alike}"


def _is_unseen(character: str) -> bool:
    is_control = unicodedata.category(character) in ("Cc", "Cf") and ord(character) not in TAGS
    return is_control and not character.isspace()


def _shown(label: str) -> str:
    # `repr` shows most invisible characters by their number, but not these.
    return ascii(label) if UNSEEN_LETTERS.search(label) else repr(label)


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
    text = read_utf8(file, "names of classes", saved_as="it in UTF-8")
    try:
        names = parse_json(text)
    except ValueError as error:
        raise DataError(f"expected {EXAMPLE}, in {file}, but it is not JSON: {error}") from error
    if not isinstance(names, dict) or not names:
        raise DataError(f"expected {EXAMPLE}, in {file}, but it holds something else")
    for label, name in names.items():
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"expected a text as the name of {label!r} in {file}, got {name!r}")
    return names
