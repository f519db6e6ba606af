"""The features of a set of pictures on disk, read through a memory map."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, final

import numpy as np
from jaxtyping import Float16, Float32, Shaped

from metaadapter.errors import DataError
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.features.store.header import REMEDY, StoreHeader
from metaadapter.features.views import mean_of_views
from metaadapter.files.checksums import Proof, content_hash
from metaadapter.files.machine_errors import is_shortage
from metaadapter.files.regular_files import given_path, regular

if TYPE_CHECKING:
    from metaadapter.features.store.picture_table import PictureTable

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
    rows: PictureTable
    texts: Float32[np.ndarray, "classes dim"] | None
    _views: Float16[np.ndarray, "pictures views dim"]

    @property
    def features(self) -> Float16[np.ndarray, "rows dim"]:
        """One unit row per picture and view, on disk, read-only; see `by_picture`."""
        return self.by_picture().reshape(self.header.n_rows, -1)

    @classmethod
    def open(cls, folder: Path | str) -> FeatureStore:
        """Open a store that `encode_to_store` or `metaadapter encode` has completed.

        Raises:
            DataError: There is no complete store, or a file of it is missing or damaged. Features
                and the table of pictures are checked when they are first read.
            IncompatibleArtifact: A later version wrote the store.
        """
        folder = given_path(folder)
        while True:
            header, proof = StoreHeader.read(folder)
            try:
                return cls._read(folder, header, proof)
            except DataError:
                # A run that has just ended may have replaced the files that the header names.
                if StoreHeader.read(folder)[0].generation == header.generation:
                    raise

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
        from metaadapter.features.store.create_store import create_store

        create_store(given_path(folder), features, columns, texts, encoder, logit_scale)
        return cls.open(folder)

    @classmethod
    def _read(cls, folder: Path, header: StoreHeader, proof: Proof) -> FeatureStore:
        # Imports pyarrow, which takes long.
        from metaadapter.features.store.picture_table import PictureTable

        shape = header.n_pictures, header.recipe.n_views, header.recipe.fingerprint.dim
        name = header.files["features"]
        try:
            # Both are mapped now, since a later run may remove the files.
            views = np.load(regular(folder / name), mmap_mode="r", allow_pickle=False)
            if views.dtype != np.float16:
                raise ValueError(f"expected float16, found {views.dtype}")
            views = views.reshape(shape)
            name = header.files["pictures"]
            rows = PictureTable(proof, name, header.n_pictures)
        except Exception as error:  # numpy parses the header as Python, which may raise any error
            if is_shortage(error):
                raise
            raise DataError(
                f"the feature store {folder} is damaged: {name}: {error}. To continue, {REMEDY}"
            ) from error
        texts = np.load(proof.find(header.files["texts"])) if header.classes else None
        return cls(folder, header, proof, rows, texts, views)

    @property
    def encoder(self) -> str:
        """The name of the encoder, as `load_encoder` takes it."""
        return str(self.origin.encoder)

    @property
    def origin(self) -> Origin:
        """The encoder and the views of the features."""
        return Origin(**dict(self.header.recipe))

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
        return self.origin.look_widths(self.fingerprint.dim)

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
        texts = b"" if self.texts is None else self.texts.tobytes()
        columns = (self.rows.of_pictures(column) for column in ("sha256", "label", "split"))
        facts = ("\n".join(column) for column in columns)
        features = self.proof.files[self.header.files["features"]]
        return content_hash(self.fingerprint.digest, features, *facts, texts)[:16]

    def by_picture(self) -> Float16[np.ndarray, "pictures views dim"]:
        """Return the features on disk, read-only.

        The first use reads the file once, to check it: `DataError` if it is damaged.
        """
        return self._checked_views

    @cached_property
    def _checked_views(self) -> Float16[np.ndarray, "pictures views dim"]:
        self.proof.find(self.header.files["features"])
        return self._views

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
        means = mean_of_views(self.by_picture())
        return means, self.rows.of_pictures("label").astype(str)
