"""Adapters that live together in one folder, each known by its name."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from metaadapter.adapter.config import AdapterConfig, read_config
from metaadapter.adapter.files import hold_adapter, load_adapter, read_card, require_adapter_folder
from metaadapter.adapter.layout import SKILL_SUFFIX
from metaadapter.adapter.signature import TaskSignature
from metaadapter.adapter.skill import read_signature, skill_bytes
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.library.answers import Answers
from metaadapter.apps.library.compose import compose
from metaadapter.apps.library.content import skill_content
from metaadapter.apps.library.entry import Entry
from metaadapter.apps.library.folder import (
    ENTRIES,
    entry_file,
    hold_entries,
    listed,
    open_folder,
    put_entry,
    require_free,
)
from metaadapter.apps.library.index import SignatureIndex
from metaadapter.apps.library.names import entry_name, fold, not_there
from metaadapter.apps.library.route import Identified, Routed
from metaadapter.data.atomic_files import replace_file, sync_folder
from metaadapter.data.output_folder import write_errors
from metaadapter.errors import UsageError
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.predictions import UNKNOWN

if TYPE_CHECKING:
    from metaadapter.features.fingerprint import Fingerprint
    from metaadapter.features.image_encoder import ImageEncoder
    from metaadapter.generator.adapter_generator import AdapterGenerator


@final
class AdapterLibrary:
    """A folder of adapters, one skill file each; `open` makes or opens it.

    Each change is one step of the file system and leaves all other files as they are, to the byte,
    however it ends. Writers wait for one another. A damaged entry is none of the others' business:
    it is listed, and tells what is wrong with it when it is asked for. Adapters of different
    encoders may live in one library.

    Attributes:
        folder: Where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._answers = Answers(folder, self.stored)

    @classmethod
    def open(cls, folder: str | Path, *, create: bool = True) -> AdapterLibrary:
        """Open a library.

        Args:
            folder: A library; or a new or empty folder, which then becomes one.
            create: Whether it may become one.

        Raises:
            DataError: The folder holds other things, its mark is damaged, or it cannot be written.
            IncompatibleArtifact: It is no library, and may not become one; or one of a newer
                version.
        """
        folder = Path(folder)
        open_folder(folder, create=create)
        return cls(folder)

    @property
    def names(self) -> list[str]:
        """The names of all entries, sorted, those of damaged ones too."""
        return list(listed(self.folder))

    def __len__(self) -> int:
        return len(listed(self.folder))

    def __contains__(self, name: object) -> bool:
        return name in listed(self.folder)

    def entries(self) -> Iterator[Entry]:
        """What is to be told of each entry; tensors are not read."""
        for name, file in listed(self.folder).items():
            yield Entry.of_file(name, file)

    def add(
        self, name: str, adapter: MetaAdapterClassifier | str | Path, *, replace: bool = False
    ) -> None:
        """Add an adapter.

        Args:
            name: Of the new entry.
            adapter: A fitted classifier, or the path of a folder or skill file.
            replace: Whether an entry of that very name may give way to it.

        Raises:
            UsageError: The name cannot be, or there is such an entry already.
            DataError: The adapter is damaged, or the library cannot be written.
            IncompatibleArtifact: The path is no adapter.
        """
        name = entry_name(name)
        require_free(self.folder, name, replace=replace)  # better told before the adapter is read
        put_entry(self.folder, name, skill_content(adapter), replace=replace)

    def import_skill(
        self, file: str | Path, name: str | None = None, *, replace: bool = False
    ) -> str:
        """Add a skill file as it is, by default under its own name; gives the name.

        Errors are those of `add`.
        """
        file = Path(file)
        if file.is_dir():
            raise UsageError(f"{file} is a folder, not a skill file; add it (library add)")
        name = entry_name(file.name.removesuffix(SKILL_SUFFIX) if name is None else name)
        self.add(name, file, replace=replace)
        return name

    def load(
        self,
        name: str,
        *,
        encoder: ImageEncoder | str | None = None,
        generator: str | Path | AdapterGenerator | None = None,
    ) -> MetaAdapterClassifier:
        """The classifier of an entry; arguments and errors are those of its `load`.

        Raises:
            UsageError: There is no such entry.
        """
        return MetaAdapterClassifier.load(self.path(name), encoder=encoder, generator=generator)

    def stored(self, name: str) -> StoredAdapter:
        """The adapter of an entry as it is kept; errors are those of `load_adapter`."""
        return load_adapter(self.path(name))

    def facts(self, name: str) -> AdapterConfig:
        """What an entry tells of itself; no tensor is read. Errors are those of `stored`."""
        return read_config(self.path(name))[0]

    def signature(self, name: str) -> TaskSignature:
        """The signature of an entry's task; errors are those of `stored`."""
        return read_signature(self.path(name))[1]

    def path(self, name: str) -> Path:
        """The skill file of an entry, which every command takes for an adapter.

        Raises:
            UsageError: There is no such entry; names near to it are told.
        """
        there = listed(self.folder)
        for each in (name, unicodedata.normalize("NFC", name)):
            if each in there:
                return there[each]
        raise not_there(name, there, f"the library {self.folder}")

    def remove(self, name: str) -> None:
        """Remove an entry, which may be damaged.

        Raises:
            UsageError: There is no such entry.
            DataError: The library cannot be written.
        """
        with hold_entries(self.folder):
            self.path(name).unlink()
            sync_folder(self.folder / ENTRIES)

    def rename(self, old: str, new: str) -> None:
        """Give an entry another name.

        Raises:
            UsageError: There is no such entry, the name cannot be, or there is one of that name.
            DataError: The library cannot be written.
        """
        new = entry_name(new)
        with hold_entries(self.folder):
            file = self.path(old)
            if fold(new) != fold(old):
                require_free(self.folder, new, replace=False)
            file.rename(entry_file(self.folder, new))
            sync_folder(self.folder / ENTRIES)

    def export(self, name: str, file: str | Path, *, features: bool = True) -> None:
        """Write an entry to a skill file elsewhere.

        Args:
            name: Of the entry.
            file: A new `NAME.adapter`, or a skill file that is to be replaced.
            features: Whether the support goes with it: features, labels and hashes of its pictures.
                Without it the file is smaller and takes no more classes. A cache in the weights has
                the features of pictures for keys, and stays, for answers would change without it.

        Raises:
            UsageError: There is no such entry, or the file is called otherwise.
            DataError: The entry is damaged, or the file is something else or cannot be written.
        """
        source, file = self.path(name), Path(file)
        if file.suffix != SKILL_SUFFIX or file.is_dir():
            raise UsageError(f"expected the name of a skill file, NAME{SKILL_SUFFIX}, got {file}")
        require_adapter_folder(file)
        stored = load_adapter(source)
        content = source.read_bytes()
        if not features:
            content = skill_bytes(stored, read_card(source), features=False)
        with write_errors(f"the skill file {file}", instead="choose another place"):
            file.parent.mkdir(parents=True, exist_ok=True)
            with hold_adapter(file):
                replace_file(file, content)

    def index(self) -> SignatureIndex:
        """The signatures of all entries, as they are now; only what has changed is read again."""
        return self._answers.index()

    def identify(
        self,
        X: Any,
        *,
        encoder: ImageEncoder | Fingerprint | str | None = None,
        together: bool = False,
    ) -> Identified:
        """Which entry's task pictures are of, and whether they are of any.

        Entries that are damaged, of another encoder or without pictures are left out, and named.

        Args:
            X: (n, D) features of pictures.
            encoder: That they come from, or its fingerprint; else all entries of width D take part.
            together: All pictures are of one task: one question, of which several tell much more.

        Raises:
            UsageError: No entry is of such features, or there are no pictures to be told together.
        """
        return self._answers.identify(X, encoder, together=together)

    def identify_names(
        self, names: Sequence[str], *, encoder: ImageEncoder | str
    ) -> dict[str, float]:
        """Entry → the probability that a task of classes of these names is its task.

        Args:
            names: Of classes, as a person would say them.
            encoder: The encoder of the library's features, which reads them.

        Raises:
            UsageError: No entry of this encoder has texts, or the encoder reads none.
        """
        return self._answers.identify_names(names, encoder)

    def route(
        self,
        X: Any,
        *,
        encoder: ImageEncoder | Fingerprint | str | None = None,
        k: int = 1,
        keep: float | None = None,
    ) -> Routed:
        """Answers over the classes of all entries: each picture goes to its k likeliest entries.

        Args:
            X: (n, D) features of pictures.
            encoder: As for `identify`.
            k: The number of entries whose answers are mixed for a picture; all, if it has fewer.
            keep: The fraction of pictures of a class of its entry that are not to look unfamiliar,
                0.5 … 0.99; that of each adapter by default, 0.95.

        Raises:
            UsageError: No entry is of such features, or `k` or `keep` is out of range.
        """
        return self._answers.route(X, encoder, k=k, keep=keep)

    def predict(
        self, X: Any, *, encoder: ImageEncoder | Fingerprint | str | None = None, k: int = 1
    ) -> np.ndarray:
        """The label of each row of X (n, D), `"unknown"` where it is of no entry; see `route`."""
        found = self.route(X, encoder=encoder, k=k)
        return np.where(found.unfamiliar, UNKNOWN, found.labels)

    def merge(self, names: Sequence[str], new: str, *, replace: bool = False) -> StoredAdapter:
        """Add one adapter over all classes of several entries, which stay; `compose` tells how.

        Raises:
            UsageError: There is no such entry, the new name cannot be, or nothing of a class was
                kept.
            IncompatibleArtifact: They are of different encoders.
        """
        new = entry_name(new)
        require_free(self.folder, new, replace=replace)
        composed = compose({name: self.stored(name) for name in dict.fromkeys(names)})
        put_entry(self.folder, new, skill_bytes(composed), replace=replace)
        return composed
