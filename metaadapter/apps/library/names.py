"""The names of entries, which are valid file names on every system."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection

from metaadapter.adapter.layout import SKILL_SUFFIX
from metaadapter.data.class_names import UNSEEN_LETTERS
from metaadapter.errors import UsageError

MOST_CHARACTERS = 100
# A file name has at most 255 bytes, and a file that is being written has a longer suffix.
MOST_BYTES = 255 - len(f"{SKILL_SUFFIX}.new.tmp")
# Letters, digits and underscores, with hyphens, dots and spaces between them.
PLAIN = re.compile(r"\w([\w .-]*\w)?")
# Names of devices in Windows, with any suffix.
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def entry_name(name: str) -> str:
    """Check a name and return it in Unicode's composed form (NFC)."""
    composed = unicodedata.normalize("NFC", name)
    # Scripts combine letters with marks, so a name may hold marks, but not begin with one.
    letters = "".join(one for one in composed if not unicodedata.category(one).startswith("M"))
    if (
        PLAIN.fullmatch(letters)
        and composed[0] == letters[0]
        and len(composed) <= MOST_CHARACTERS
        and len(composed.encode()) <= MOST_BYTES
        and not UNSEEN_LETTERS.search(composed)
        and not DEVICE.fullmatch(composed)
    ):
        return composed
    raise UsageError(
        f"the name {name!r} is not possible: expected up to {MOST_CHARACTERS} letters and digits "
        f"of any script ({MOST_BYTES} bytes), with hyphens, underscores, dots and spaces between "
        "them, and no device of Windows such as con"
    )


def fold(name: str) -> str:
    """Return a form that is equal for two names if some file system treats them as one name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def missing_entry(name: str, names: Collection[str], owner: str) -> UsageError:
    """Return the error for an entry that does not exist; it suggests similar names."""
    near = difflib.get_close_matches(fold(name), map(fold, names), n=3, cutoff=0.5)
    similar = [repr(other) for other in names if fold(other) in near]
    if similar:
        hint = f"did you mean {' or '.join(similar)}?"
    elif names:
        first = ", ".join(sorted(map(repr, names))[:5])
        hint = f"it has {first}{', …' if len(names) > 5 else ''}"
    else:
        hint = "it is empty: `metaadapter library add LIBRARY ADAPTER` adds one"
    return UsageError(f"{owner} has no entry {name!r}; {hint}")
