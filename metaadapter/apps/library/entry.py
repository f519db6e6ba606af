"""The entries of a library: one skill file each, known by its facts and its class means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

from jaxtyping import Float16, Int64
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from metaadapter.adapter.config import AdapterConfig, read_config
from metaadapter.adapter.files import load_adapter, read_card, skill_bytes
from metaadapter.adapter.layout import (
    CONFIG_FILE,
    SIGNATURE_FILE,
    SKILL_SUFFIX,
    SUPPORT_FILE,
    downloaded_adapter,
    open_skill,
)
from metaadapter.adapter.stored import signature_of_file
from metaadapter.data.class_names import UNSEEN_LETTERS
from metaadapter.errors import MetaAdapterError, UsageError
from metaadapter.files.hub import is_hub_name
from metaadapter.files.regular_files import given_path
from metaadapter.workflow.estimator import MetaAdapterClassifier

MOST_CHARACTERS = 100
# A file name has at most 255 bytes, and a file that is being written has a longer suffix.
MOST_BYTES = 255 - len(f"{SKILL_SUFFIX}.new.tmp")
# Letters, digits and underscores, with hyphens, dots and spaces between them.
PLAIN = re.compile(r"\w([\w .-]*\w)?")
# Names of devices in Windows, with any suffix.
DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)

Stamp: TypeAlias = tuple[int, int, int]
"""Size, modification time in nanoseconds, and inode of a file; they differ if it has changed."""


def entry_name(name: str) -> str:
    """Check that a name can be that of a file on every system; return it composed (NFC)."""
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


class ClassMeans(NamedTuple):
    """The N classes of an entry, by its signature; zeros for what a class does not have."""

    means_ND: Float16[Tensor, "N D"]
    text_ND: Float16[Tensor, "N D"]
    counts_N: Int64[Tensor, " N"]


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """An entry of a library, which may be damaged.

    Weights are only checked when they are used, or by `metaadapter doctor --verify LIBRARY`.
    """

    name: str
    file: Path
    stamp: Stamp
    facts: AdapterConfig | None = None
    """The configuration of the adapter; `None` if the entry cannot be read."""
    classes: ClassMeans | None = None
    has_features: bool = False
    """Whether it holds the support, the features of its labelled pictures."""
    damaged: str = ""
    """Why the entry cannot be used; "" if it can."""

    @classmethod
    def of_file(cls, name: str, file: Path, stamp: Stamp) -> Entry:
        """Read the facts and the signature in a skill file."""
        try:
            place = open_skill(file, CONFIG_FILE, SIGNATURE_FILE)
            facts, proof = read_config(file, place)
            require_shared_features(facts, f"the adapter {file}")
            signature = signature_of_file(proof.read(SIGNATURE_FILE), facts, file)
        except MetaAdapterError as error:
            return cls(name, file, stamp, damaged=str(error))
        classes = ClassMeans(signature.means.half(), signature.text.half(), signature.counts.long())
        return cls(name, file, stamp, facts, classes, place.has(SUPPORT_FILE))

    @property
    def n_pictures(self) -> int:
        """The number of labelled pictures that the adapter was predicted from."""
        return sum(self.facts.n_shots) if self.facts else 0

    @property
    def encoder(self) -> str | None:
        """The name of the adapter's encoder, if it is recorded."""
        return self.facts.origin.encoder if self.facts else None

    def has_encoder_of(self, other: Entry) -> bool:
        """True if the encoders are the same, judged by name and width without fingerprints."""
        if self.facts is None or other.facts is None:
            return False
        mine, its = self.facts.origin, other.facts.origin
        if mine.fingerprint is not None and its.fingerprint is not None:
            return mine.fingerprint.matches(its.fingerprint)
        return (self.facts.width, mine.encoder, mine.fingerprint) == (
            *(other.facts.width, its.encoder, its.fingerprint),
        )


def by_encoder(entries: Iterable[Entry]) -> list[list[Entry]]:
    """Group undamaged entries by their encoder, the largest group first."""
    groups: list[list[Entry]] = []
    for entry in entries:
        if not entry.damaged:
            group = next((group for group in groups if group[0].has_encoder_of(entry)), None)
            if group is None:
                groups.append(group := [])
            group.append(entry)
    return sorted(groups, key=len, reverse=True)


def stamp_of(file: Path) -> Stamp:
    """Return the stamp of a file; zeros if there is none, as behind a dangling link."""
    try:
        status = file.stat()
    except OSError:
        return 0, 0, 0
    return status.st_size, status.st_mtime_ns, status.st_ino


def skill_content(adapter: MetaAdapterClassifier | str | Path) -> bytes:
    """Return the skill file of a classifier or a folder; a skill file is returned unchanged."""
    if isinstance(adapter, MetaAdapterClassifier):
        check_is_fitted(adapter)
        stored = adapter.stored_
        require_shared_features(stored.config, "the classifier")
        return skill_bytes(stored)
    path = given_path(adapter)
    if is_hub_name(path):
        path = downloaded_adapter(path)
    stored = load_adapter(path)
    require_shared_features(stored.config, f"the adapter {path}")
    if path.is_dir():
        return skill_bytes(stored, read_card(path))
    return path.read_bytes()


def require_shared_features(config: AdapterConfig, owner: str) -> None:
    """Raise a `UsageError` for weights inside the towers, because entries share plain features."""
    if config.inside is not None:
        raise UsageError(
            f"{owner} has weights inside the encoder's towers, and a library holds adapters that "
            "share the features of a plain encoder: keep the adapter outside the library, or adapt "
            "again without --inside"
        )
