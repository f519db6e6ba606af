"""A library: a folder of adapters, each known by its name."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from jaxtyping import Float32
from sklearn.utils.validation import check_array
from torch import Tensor

from metaadapter.adapter.config import AdapterConfig, read_config
from metaadapter.adapter.files import (
    hold_adapter,
    load_adapter,
    read_card,
    read_signature,
    require_adapter_folder,
    skill_bytes,
)
from metaadapter.adapter.layout import CONFIG_FILE, SKILL_SUFFIX, open_skill
from metaadapter.adapter.listed_skills import (
    ENTRIES,
    faults_of_list,
    listing,
    read_list,
    readings_of_list,
    seal_of,
)
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.task_signature import TaskSignature
from metaadapter.adapter.unit_rows import as_array, unit_rows
from metaadapter.apps.library.compose import compose
from metaadapter.apps.library.entry import (
    Entry,
    entry_file,
    entry_files,
    entry_name,
    hold_entries,
    missing_entry,
    open_folder,
    put_entry,
    require_free,
    skill_content,
    stamp_of,
)
from metaadapter.apps.library.route import (
    Identified,
    OpenEntries,
    Routed,
    comparable,
    identified,
    routed,
    text_means,
)
from metaadapter.data.output_folder import replace_file, sync_folder, write_errors
from metaadapter.data.regular_files import given_path, given_texts
from metaadapter.errors import DataError, MetaAdapterError, UsageError
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.prompts import readable_name
from metaadapter.workflow.classifier_base import loaded_encoder
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.predictions import UNKNOWN

if TYPE_CHECKING:
    from metaadapter.features.image_encoder import ImageEncoder
    from metaadapter.generator.adapter_generator import AdapterGenerator


# Entries whose facts and class means stay in memory; one of ten classes takes 20 to 120 kB.
MOST_REMEMBERED = 10_000


@final
class AdapterLibrary:
    """A folder of adapters, one skill file each; `open` creates or opens it.

    Each change is one step of the file system and never changes another entry, even if it fails.
    Writers wait for one another. A list in `library.json` shows which file was removed or exchanged
    by hand; files that are added by hand are entries, too. A damaged entry does not affect the
    others: it is listed, and using it raises an error that describes the damage. Adapters of
    different encoders may be in one library.

    Attributes:
        folder: The folder of the library.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entry = lru_cache(MOST_REMEMBERED)(Entry.of_file)
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
        open_folder(folder, create=create)
        return cls(folder)

    @property
    def names(self) -> list[str]:
        """The sorted names of all entries, including damaged ones."""
        return list(entry_files(self.folder))

    def __len__(self) -> int:
        return len(entry_files(self.folder))

    def __contains__(self, name: object) -> bool:
        return name in entry_files(self.folder)

    def entries(self) -> list[Entry]:
        """Return all entries, also those of missing files, sorted by name; no adapter is read.

        Only files that are new or have changed since the last call are read.
        """
        files, faults = self._files(lambda name, file: self._entry(name, file, stamp_of(file)).seal)
        entries = {name: self._entry(name, file, stamp_of(file)) for name, file in files.items()}
        for name, fault in faults.items():
            lost = Entry(name, entry_file(self.folder, name))
            entries[name] = replace(entries.get(name, lost), damaged=fault)
        # Another process may have removed a file meanwhile.
        is_there = {name for name, file in files.items() if os.path.lexists(file)} | faults.keys()
        return [entry for name, entry in sorted(entries.items()) if name in is_there]

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
        require_free(self.folder, name, replace=replace)  # before the adapter is read
        put_entry(self.folder, name, skill_content(adapter), replace=replace)

    def import_skill(
        self, file: str | Path, name: str | None = None, *, replace: bool = False
    ) -> str:
        """Add a skill file as it is, by default under its own name, and return the name.

        Errors are those of `add`.
        """
        file = given_path(file)
        if file.is_dir():
            raise UsageError(f"{file} is a folder, not a skill file; use `library add` for it")
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

    def signature(self, name: str) -> TaskSignature:
        """Read the signature of an entry's task; errors are those of `stored`."""
        return read_signature(self.path(name))[1]

    def path(self, name: str) -> Path:
        """Return the skill file of an entry, which every command accepts as an adapter.

        Raises:
            UsageError: There is no such entry; the message suggests similar names.
            DataError: The file is missing, or holds the adapter of another entry.
        """
        wanted = unicodedata.normalize("NFC", name)

        def seal(known: str, file: Path) -> str:
            with suppress(MetaAdapterError):  # reading the entry says why it is damaged
                return seal_of(open_skill(file, CONFIG_FILE)) if known == wanted else ""
            return ""

        files, faults = self._files(seal)
        if wanted in faults:
            raise DataError(faults[wanted])
        if wanted not in files:
            raise missing_entry(name, files, f"the library {self.folder}")
        return files[wanted]

    def remove(self, name: str) -> None:
        """Remove an entry, which may be damaged or missing.

        Raises:
            UsageError: There is no such entry.
            DataError: The library cannot be written.
        """
        with hold_entries(self.folder):
            files = entry_files(self.folder)
            known = unicodedata.normalize("NFC", name)
            if known not in files and known not in read_list(self.folder):
                raise missing_entry(name, files, f"the library {self.folder}")
            file = files.get(known, entry_file(self.folder, known))
            with listing(file):
                file.unlink(missing_ok=True)
                sync_folder(self.folder / ENTRIES)

    def rename(self, old: str, new: str) -> None:
        """Rename an entry.

        Raises:
            UsageError: There is no such entry, or the new name is invalid or taken.
            DataError: The library cannot be written.
        """
        new = entry_name(new)
        with hold_entries(self.folder):
            file = self.path(old)
            require_free(self.folder, new, replace=False, besides=file)
            target = entry_file(self.folder, new)
            with listing(file, target):
                file.rename(target)
                sync_folder(self.folder / ENTRIES)

    def export(self, name: str, file: str | Path, *, features: bool = True) -> None:
        """Write an entry to a skill file elsewhere.

        Args:
            name: The name of the entry.
            file: A new `NAME.adapter`, or a skill file to replace.
            features: Include the support: features, labels and hashes of its pictures. Without it
                the file is smaller and no class can be added.

        Raises:
            UsageError: There is no such entry, or the file has another suffix.
            DataError: The entry is damaged, or the file is no skill file or cannot be written.
        """
        source, file = self.path(name), given_path(file)
        if file.suffix != SKILL_SUFFIX or file.is_dir():
            raise UsageError(f"expected the name of a skill file, NAME{SKILL_SUFFIX}, got {file}")
        if file.absolute().parent.resolve() == source.parent.resolve():
            raise UsageError(f"{file} is in the library itself; give a file outside of it")
        require_adapter_folder(file)
        stored, content = load_adapter(source), source.read_bytes()
        if not features:
            content = skill_bytes(stored.without_features(), read_card(source))
        with write_errors(f"the skill file {file}", instead="choose another place"):
            file.parent.mkdir(parents=True, exist_ok=True)
            with hold_adapter(file), listing(file):
                replace_file(file, content)

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
        """
        rows, fingerprint = query_rows(X, encoder)
        if together and not len(rows):
            raise UsageError("to identify pictures together, give at least one picture")
        entries = self._opened(rows.shape[1], fingerprint)
        return entries.answer(partial(identified, rows, together=together))

    def identify_names(
        self, names: Sequence[str], *, encoder: ImageEncoder | str
    ) -> dict[str, float]:
        """Return entry → probability that these class names belong to its task.

        Args:
            names: Names of classes in plain language.
            encoder: The encoder of the library's features, which reads the names.

        Raises:
            UsageError: No entry of this encoder has texts, or the encoder has no text tower.
        """
        loaded = loaded_encoder(encoder)
        if loaded is None or not names:
            raise UsageError("give names of classes, and the encoder that reads them")
        rows = unit_rows(loaded.encode_texts([readable_name(name) for name in names]))
        if not rows.any():
            raise UsageError("the encoder reads no names; identify pictures instead")
        known = self.entries()
        means = text_means(comparable(known, rows.shape[1], loaded.fingerprint, texts=True)[0])
        return dict(zip(means.names, means.jointly(rows).tolist(), strict=True))

    def route(self, X: Any, *, encoder: ImageEncoder | Fingerprint | str | None = None) -> Routed:
        """Predict among the classes of all entries, by the most probable domain of each picture.

        Entries of one domain are answered by the adapter of all their pictures; see `domains`.

        Args:
            X: (n, D) features of pictures.
            encoder: As for `identify`.

        Raises:
            UsageError: No entry fits these features.
        """
        rows, fingerprint = query_rows(X, encoder)
        return self._opened(rows.shape[1], fingerprint).answer(partial(routed, rows))

    def predict(
        self, X: Any, *, encoder: ImageEncoder | Fingerprint | str | None = None
    ) -> np.ndarray:
        """Return the label of each row of X (n, D), `"unknown"` if unfamiliar; see `route`."""
        result = self.route(X, encoder=encoder)
        return np.where(result.unfamiliar, UNKNOWN, result.labels)

    def merge(
        self, names: Sequence[str] | str, new: str, *, replace: bool = False
    ) -> StoredAdapter:
        """Add one adapter for all classes of several entries, which remain; see `compose`.

        Raises:
            UsageError: There is no such entry, the new name is invalid or taken, or a class
                has neither pictures nor a text.
            IncompatibleArtifact: The entries have different encoders.
        """
        new = entry_name(new)
        require_free(self.folder, new, replace=replace)
        composed = compose({name: self.stored(name) for name in dict.fromkeys(given_texts(names))})
        put_entry(self.folder, new, skill_bytes(composed), replace=replace)
        return composed

    def _files(self, seal: Callable[[str, Path], str]) -> tuple[dict[str, Path], dict[str, str]]:
        """Return name → file, and name → what is wrong by the list; `seal` returns that of a file.

        A seal "" is not compared.
        """
        for listed in readings_of_list(self.folder):
            files = entry_files(self.folder)
            seals = {name: seal(name, file) for name, file in files.items()}
            faults = faults_of_list(self.folder, listed, seals)
            if not faults:
                break
        return files, faults

    def _opened(self, width: int, fingerprint: Fingerprint | None) -> OpenEntries:
        entries = self.entries()
        key = width, fingerprint, [(entry.name, entry.stamp, entry.damaged) for entry in entries]
        if self._open is None or self._open[0] != key:
            self._open = key, OpenEntries(entries, width, fingerprint, self.stored)
        return self._open[1]


def query_rows(
    X: Any, encoder: ImageEncoder | Fingerprint | str | None
) -> tuple[Float32[Tensor, "n D"], Fingerprint | None]:
    """Return X as unit rows, and the fingerprint of the encoder, or `None` if none is given."""
    array = check_array(as_array(X), dtype=(np.float64, np.float32), ensure_min_samples=0)
    rows = unit_rows(array)
    if isinstance(encoder, Fingerprint):
        return rows, encoder
    loaded = loaded_encoder(encoder)
    return rows, None if loaded is None else loaded.fingerprint
