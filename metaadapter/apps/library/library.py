"""A library: a folder of adapters, each known by its name."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from jaxtyping import Float32
from sklearn.utils.validation import check_array
from torch import Tensor

from metaadapter.adapter.config import AdapterConfig, read_config
from metaadapter.adapter.files import hold_adapter, load_adapter
from metaadapter.adapter.layout import SKILL_SUFFIX
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.unit_rows import as_array, unit_rows
from metaadapter.apps.library.entry import Entry, entry_name, fold, skill_content, stamp_of
from metaadapter.apps.library.route import Identified, OpenEntries, Routed, identified, routed
from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.files.checksums import read_document, write_document
from metaadapter.files.output_folder import (
    replace_file,
    require_no_link,
    require_own_or_empty,
    sync_folder,
    write_errors,
)
from metaadapter.files.regular_files import given_path
from metaadapter.workflow.classifier_base import loaded_encoder
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.prediction.predictions import UNKNOWN

if TYPE_CHECKING:
    from metaadapter.features.image_encoder import ImageEncoder
    from metaadapter.generator.adapter_generator import AdapterGenerator

MARK_FILE, ENTRIES, SCHEMA = "library.json", "entries", "metaadapter.library/1"
REMEDY = (
    "delete that file, which only marks the folder as a library; the next `metaadapter library "
    "add` writes it again"
)


@final
class AdapterLibrary:
    """A folder of adapters, one skill file each; `open` creates or opens it.

    The files in `entries/` are the entries, so files may be copied into it or out of it. A change
    is one step of the file system and touches no other entry. Writers wait for one another. A
    damaged entry does not affect the others: it is listed, and using it raises an error that
    describes the damage. Adapters of different encoders may be in one library.

    Attributes:
        folder: The folder of the library.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, Entry] = {}
        """The entries as they were read last."""
        self._open: tuple[object, OpenEntries] | None = None

    @classmethod
    def open(cls, folder: str | Path, *, create: bool = True) -> AdapterLibrary:
        """Open a library.

        Args:
            folder: A library, or a new or empty folder.
            create: Turn a new or empty folder into a library.

        Raises:
            DataError: The folder holds other files, its mark is damaged, or it cannot be written.
            IncompatibleArtifact: It is not a library and `create` is false, or a newer version
                wrote it.
        """
        folder = given_path(folder)
        mark = folder / MARK_FILE
        if mark.exists():
            read_document(mark, SCHEMA, REMEDY)
        elif create:
            if folder.is_dir():  # with entries and no mark, it is a library that lost only the mark
                new = "give an empty or new folder"
                require_own_or_empty(folder, (MARK_FILE, ENTRIES), "library", instead=new)
            with write_errors(f"the library {folder}", instead="choose another folder"):
                (folder / ENTRIES).mkdir(parents=True, exist_ok=True)
                write_document(mark, {"schema": SCHEMA})
        else:
            raise IncompatibleArtifact(
                f"{folder} is not a library: expected a folder with {MARK_FILE}, which "
                "`metaadapter library add LIBRARY ADAPTER` writes"
            )
        return cls(folder)

    @property
    def names(self) -> list[str]:
        """The sorted names of all entries, including damaged ones."""
        return list(self._files())

    def __len__(self) -> int:
        return len(self._files())

    def __contains__(self, name: object) -> bool:
        return name in self._files()

    def entries(self) -> list[Entry]:
        """Return all entries, sorted by name; no adapter is read.

        Only files that are new or have changed since the last call are read.
        """
        self._known = {name: self._entry(name, file) for name, file in self._files().items()}
        return [*self._known.values()]

    def add(
        self, name: str, adapter: MetaAdapterClassifier | str | Path, *, replace: bool = False
    ) -> None:
        """Add an adapter.

        Args:
            name: The name of the new entry.
            adapter: A fitted classifier, or the path of a folder or skill file.
            replace: Replace an entry of the same name.

        Raises:
            UsageError: The name is invalid or taken.
            DataError: The adapter is damaged, or the library cannot be written.
            IncompatibleArtifact: The path is not an adapter.
        """
        name = entry_name(name)
        self._require_free(name, replace=replace)  # before the adapter is read
        content, entries = skill_content(adapter), self.folder / ENTRIES
        file = self._files().get(name, entries / f"{name}{SKILL_SUFFIX}")
        with write_errors(f"the library {self.folder}", instead="choose another folder"):
            require_no_link(entries)
            entries.mkdir(exist_ok=True)
            with hold_adapter(file):
                self._require_free(name, replace=replace)
                replace_file(file, content)

    def load(
        self,
        name: str,
        *,
        encoder: ImageEncoder | str | None = None,
        generator: str | Path | AdapterGenerator | None = None,
    ) -> MetaAdapterClassifier:
        """Load the classifier of an entry; see `MetaAdapterClassifier.load`.

        Raises:
            UsageError: There is no such entry.
        """
        return MetaAdapterClassifier.load(self.path(name), encoder=encoder, generator=generator)

    def stored(self, name: str) -> StoredAdapter:
        """Return the stored adapter of an entry; errors are those of `load_adapter`."""
        return load_adapter(self.path(name))

    def facts(self, name: str) -> AdapterConfig:
        """Read the configuration of an entry, but no tensors; errors are those of `stored`."""
        return read_config(self.path(name))[0]

    def path(self, name: str) -> Path:
        """Return the skill file of an entry, which every command accepts as an adapter.

        Raises:
            UsageError: There is no such entry.
        """
        files = self._files()
        file = files.get(unicodedata.normalize("NFC", name))
        if file is None:
            names = ", ".join(map(repr, files)) or "none yet; `metaadapter library add` adds one"
            raise UsageError(
                f"the library {self.folder} has no entry {name!r}; it has {names:.500}"
            )
        return file

    def remove(self, name: str) -> None:
        """Remove an entry, which may be damaged.

        Raises:
            UsageError: There is no such entry.
            DataError: The library cannot be written.
        """
        file = self.path(name)
        with hold_adapter(file), write_errors(f"the library {self.folder}"):
            file.unlink(missing_ok=True)
            sync_folder(file.parent)

    def identify(
        self,
        X: Any,
        *,
        encoder: ImageEncoder | Fingerprint | str | None = None,
        together: bool = False,
    ) -> Identified:
        """Find the entry to whose task the pictures belong, and whether they belong to any.

        Entries that are damaged, of another encoder or without pictures are left out; the result
        names them.

        Args:
            X: (n, D) features of pictures.
            encoder: The encoder of X or its fingerprint; by default all entries of width D are
                compared.
            together: Assume that all pictures belong to one task, and give one answer for all of
                them, which is more reliable.

        Raises:
            UsageError: No entry fits these features, or there are no pictures to identify together.
            DataError: The weights of an entry that should answer are damaged.
        """
        rows, entries = self._asked(X, encoder)
        if together and not len(rows):
            raise UsageError("to identify pictures together, give at least one picture")
        return replace(identified(rows, entries, together=together), left_out=entries.left_out)

    def route(self, X: Any, *, encoder: ImageEncoder | Fingerprint | str | None = None) -> Routed:
        """Predict among the classes of all entries, by the most probable domain of each picture.

        Entries of one domain are answered by the adapter of all their pictures; see `domains`.

        Args:
            X: (n, D) features of pictures.
            encoder: As for `identify`.

        Raises:
            UsageError: No entry fits these features.
            DataError: The weights of an entry that should answer are damaged.
        """
        rows, entries = self._asked(X, encoder)
        return replace(routed(rows, entries), left_out=entries.left_out)

    def predict(
        self, X: Any, *, encoder: ImageEncoder | Fingerprint | str | None = None
    ) -> np.ndarray:
        """Return the label of each row of X (n, D), `"unknown"` if unfamiliar; see `route`."""
        result = self.route(X, encoder=encoder)
        return np.where(result.unfamiliar, UNKNOWN, result.labels)

    def _files(self) -> dict[str, Path]:
        """Name → file of each entry, sorted by name, including damaged files."""
        files = (self.folder / ENTRIES).glob(f"[!.]*{SKILL_SUFFIX}")
        names = {file.name.removesuffix(SKILL_SUFFIX): file for file in files}
        return {unicodedata.normalize("NFC", name): file for name, file in sorted(names.items())}

    def _entry(self, name: str, file: Path) -> Entry:
        known, stamp = self._known.get(name), stamp_of(file)
        is_same = known is not None and (known.file, known.stamp) == (file, stamp)
        return known if known is not None and is_same else Entry.of_file(name, file, stamp)

    def _require_free(self, name: str, *, replace: bool) -> None:
        """Raise a `UsageError` if a name is taken, or the same as a taken one on some systems."""
        names = self.names
        taken = next((other for other in names if fold(other) == fold(name)), None)
        if taken is not None and not (replace and name in names):
            same = "" if taken == name else ", which is the same name for some file systems"
            raise UsageError(
                f"the library {self.folder} already has an entry {taken!r}{same}; choose another "
                "name (--name), or replace it (--replace)"
            )

    def _asked(
        self, X: Any, encoder: ImageEncoder | Fingerprint | str | None
    ) -> tuple[Float32[Tensor, "n D"], OpenEntries]:
        """Return X as unit rows, and the entries that can be compared with them."""
        array = check_array(as_array(X), dtype=(np.float64, np.float32), ensure_min_samples=0)
        rows = unit_rows(array)
        if encoder is None or isinstance(encoder, Fingerprint):
            fingerprint = encoder
        else:
            loaded = loaded_encoder(encoder)
            fingerprint = None if loaded is None else loaded.fingerprint
        # Entries are the same objects as long as their files do not change.
        key = rows.shape[1], fingerprint, self.entries()
        if self._open is None or self._open[0] != key:
            self._open = key, OpenEntries(key[2], rows.shape[1], fingerprint)
        return rows, self._open[1]
