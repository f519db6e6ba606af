"""The features of a set of pictures on disk, read through a memory map."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np
from jaxtyping import Float16, Float32, Shaped

from metaadapter.data.checksums import Proof
from metaadapter.data.given_values import given_path
from metaadapter.errors import DataError
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.features.store.checked_file import CheckedRows
from metaadapter.features.store.chunks import open_chunks
from metaadapter.features.store.header import StoreHeader
from metaadapter.features.store.row_table import StoreRows
from metaadapter.features.store.stored_arrays import damaged, load_array, require_unit_rows
from metaadapter.features.store.writer import create_store
from metaadapter.features.views import look_widths, mean_of_views

Column: TypeAlias = Collection[Any] | np.ndarray


@final
@dataclass(frozen=True, eq=False)
class FeatureStore:
    """Unit features of pictures, with a table of their labels.

    Attributes:
        folder: The folder of the store.
        header: The contents of `store.json`.
        proof: The hashes of the other files.
        rows: The table of the pictures, read from disk when used.
        texts: One unit row per name in `classes`, zeros for a class without a text; None if the
            pictures have no labels.
    """

    folder: Path
    header: StoreHeader
    proof: Proof
    rows: StoreRows
    texts: Float32[np.ndarray, "classes dim"] | None
    _views: CheckedRows

    @property
    def features(self) -> Float16[np.ndarray, "rows dim"]:
        """One unit row per picture and view, on disk, read-only.

        The first use reads all rows once, to check them; `by_picture` checks only those in use.

        Raises:
            DataError: The features are damaged, or not of length 1.
        """
        return self._views[:].reshape(self.header.n_rows, -1)

    @classmethod
    def open(cls, folder: Path | str) -> FeatureStore:
        """Open a store that `encode_to_store` or `metaadapter encode` has completed.

        Raises:
            DataError: There is no complete store, or a file of it is missing or damaged.
            IncompatibleArtifact: A later version wrote the store.
        """
        folder = given_path(folder)
        header, proof = StoreHeader.read(folder)
        while True:
            try:
                return cls._read(folder, header, proof)
            except DataError:
                # A run that has just ended may have replaced the files that the header names.
                newer, proof = StoreHeader.read(folder)
                if newer.generation == header.generation:
                    raise
                header = newer

    @classmethod
    def create(
        cls,
        folder: Path | str,
        features: np.ndarray | Iterable[np.ndarray],
        labels: Column | None = None,
        *,
        texts: Mapping[Any, np.ndarray] | None = None,
        groups: Column | None = None,
        splits: Column | None = None,
        paths: Column | None = None,
        encoder: str | ImageEncoder = "own features",
        logit_scale: float | None = None,
    ) -> FeatureStore:
        """Create a store of features from elsewhere, which every command accepts, and open it.

        Such a store identifies a picture by a hash of its features instead of its file: pictures of
        equal features count as the same picture in the checks of an evaluation.

        Args:
            folder: A new or empty folder.
            features: One row for each picture, (n, D), or for each view, (n, V, D), the whole
                picture first; or an iterable of such batches, which need not fit in memory. Rows
                are scaled to length 1 and stored as float16.
            labels: The class of each picture; None for pictures without a class.
            texts: A text feature (D,) from the same encoder for every label, by label; it is scaled
                to length 1. None without texts.
            groups: Pictures of one group (a burst, a patient) stay on one side of a split.
            splits: The split of each picture, for instance "train" or "test".
            paths: The name of each picture; "picture 0", "picture 1", … if None.
            encoder: The encoder that made the features, or any name for it. Stores of the same name
                and width count as features of the same encoder.
            logit_scale: The inverse temperature: logits are this times the cosine. If None, that of
                `encoder`, which is unknown if `encoder` is a name.

        Raises:
            DataError: A row has another width, is not finite or is zero; a column has another
                length; a label has no text; the folder has other files or cannot be written.
            UsageError: The folder is a feature store already.
        """
        columns = {"labels": labels, "groups": groups, "splits": splits, "paths": paths}
        create_store(given_path(folder), features, columns, texts, encoder, logit_scale)
        return cls.open(folder)

    @classmethod
    def _read(cls, folder: Path, header: StoreHeader, proof: Proof) -> FeatureStore:
        paths = {content: folder / name for content, name in header.files.items()}
        for content in {"texts", "chunks"} & paths.keys():
            paths[content] = proof.find(paths[content].name)
        features = load_array(paths["features"], folder, np.float16)
        texts = load_array(paths["texts"], folder, np.float32) if header.classes else None
        dim, n_rows, n_classes = header.recipe.fingerprint.dim, header.n_rows, len(header.classes)
        names, n_views = header.files, header.recipe.origin.n_views
        fault = ""
        if features.shape != (n_rows, dim):
            fault = f"{n_rows} rows of {dim} numbers, but {names['features']} is {features.shape}"
        elif n_rows % n_views:
            fault = f"{n_rows} rows and {n_views} views of each picture"
        elif texts is not None and texts.shape != (n_classes, dim):
            fault = f"{n_classes} classes, texts {dim} wide, but {names['texts']} is {texts.shape}"
        if fault:
            raise damaged(folder, f"store.json says it has {fault}")
        if texts is not None:
            texts = np.array(texts)
            require_unit_rows(paths["texts"], texts, zeros=True)
        try:
            views, rows = open_chunks(folder, header, features)
        except OSError as error:
            raise damaged(folder, str(error)) from error
        return cls(folder, header, proof, rows, texts, views)

    @property
    def encoder(self) -> str:
        """The name of the encoder, as `load_encoder` takes it."""
        return str(self.origin.encoder)

    @property
    def origin(self) -> Origin:
        """The encoder and the views of the features."""
        return self.header.recipe.origin

    @property
    def fingerprint(self) -> Fingerprint:
        """The fingerprint of the encoder."""
        return self.header.recipe.fingerprint

    @property
    def logit_scale(self) -> float | None:
        """The encoder's inverse temperature: logits are this times the cosine; None if unknown."""
        return self.header.recipe.logit_scale

    @property
    def blocks(self) -> tuple[int, ...]:
        """The widths of the blocks of a feature, look by look; () for a single block."""
        origin = self.origin
        return look_widths(self.fingerprint.dim, origin.zoom, tuple(origin.blocks.values()))

    @property
    def n_views(self) -> int:
        """The number of rows per picture."""
        return self.origin.n_views

    @property
    def n_pictures(self) -> int:
        """The number of pictures in the store."""
        return self.header.n_pictures

    @property
    def classes(self) -> tuple[str, ...]:
        """Sorted names of the classes; empty if the pictures have no labels."""
        return self.header.classes

    @cached_property
    def identity(self) -> str:
        """A hash of all that results depend on (features, labels, texts): 16 hexadecimal digits."""
        features = self.proof.files[self.header.files["features"]]
        digest = hashlib.sha256(f"{self.fingerprint.digest} {features}".encode())
        for column in ("sha256", "label", "split"):
            for number, (start, stop) in enumerate(self.rows.parts()):
                texts = self.rows.of_pictures(column, slice(start, stop)).repeat(self.n_views)
                joined = ("\n" if number else "") + "\n".join(texts)
                digest.update(joined.encode(errors="surrogateescape"))
        digest.update(b"" if self.texts is None else self.texts.tobytes())
        return digest.hexdigest()[:16]

    def by_picture(self) -> CheckedRows:
        """Return the features on disk, as a read-only array of float16 (pictures, views, dim).

        It is indexed by pictures, as an array of numpy is. Only the chunks of the pictures in use
        are read and checked, about 1 MB at a time; `DataError` for a damaged one.
        """
        return self._views

    def by_content(self) -> dict[str, Float16[np.ndarray, "views dim"]]:
        """Return the features of each picture, kept on disk, by content hash."""
        hashes = self.rows.of_pictures("sha256")
        return dict(zip(hashes, self.by_picture()[:], strict=True))

    def class_texts(self) -> dict[str, Float32[np.ndarray, " dim"]]:
        """Return the text feature of each class that has one, for `MetaAdapterClassifier`."""
        if self.texts is None:
            return {}
        pairs = zip(self.classes, self.texts, strict=True)
        return {name: text for name, text in pairs if text.any()}

    def mean_features(
        self,
    ) -> tuple[Float32[np.ndarray, "pictures dim"], Shaped[np.ndarray, " pictures"]]:
        """Return for each picture a unit row, the mean of its views, and its label or ""."""
        means = mean_of_views(self.by_picture()[:])
        return means, self.rows.of_pictures("label").astype(str)
