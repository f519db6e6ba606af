"""FeatureStore: the features of a set of pictures, on disk, memory-mapped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float, Float16, Float32, Shaped

from metaadapter.errors import DataError
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.store.folder import REMEDY
from metaadapter.features.store.header import StoreHeader
from metaadapter.features.store.rows import StoreRows

__all__ = ["FeatureStore", "unit_rows"]

# Rows turned into float32 at a time, so that averaging a large store needs little memory.
CHUNK_ROWS = 65_536


@final
@dataclass(frozen=True, slots=True, eq=False)
class FeatureStore:
    """Unit features of pictures, with a table of what they show.

    Attributes:
        folder: Where the store lies.
        header: The contents of `store.json`.
        rows: Aligned columns `picture`, `view`, `path`, `label`, `split`, `group`, `sha256`.
        features: One unit row per picture and view, read from disk when used, read-only.
        texts: One unit row per name in `classes`; None if the pictures have no labels.
    """

    folder: Path
    header: StoreHeader
    rows: StoreRows
    features: Float16[np.ndarray, "rows dim"]
    texts: Float32[np.ndarray, "classes dim"] | None

    @classmethod
    def open(cls, folder: Path | str, *, fingerprint: Fingerprint | None = None) -> FeatureStore:
        """Open a store that `encode_to_store` or `metaadapter encode` has completed.

        Args:
            folder: The store.
            fingerprint: Of the encoder whose features are to be compared with the store's.

        Raises:
            DataError: There is no complete store, or a file of it is missing or damaged.
            IncompatibleArtifact: The store is of another encoder, or of a later version.
        """
        folder = Path(folder)
        header = StoreHeader.read(folder)
        while True:
            if fingerprint is not None:
                owner = f"the feature store {folder}"
                header.recipe.fingerprint.require_match(fingerprint, owner=owner)
            try:
                return cls._read(folder, header)
            except FileNotFoundError as error:
                # A run that ended just now has replaced the files that the header named.
                newer = StoreHeader.read(folder)
                if newer.generation == header.generation:
                    raise _damaged(folder, str(error)) from error
                header = newer

    @classmethod
    def _read(cls, folder: Path, header: StoreHeader) -> FeatureStore:
        paths = {content: folder / name for content, name in header.files.items()}
        try:
            rows = StoreRows.read(paths["rows"])
            features = np.load(paths["features"], mmap_mode="r", allow_pickle=False)
            texts = np.load(paths["texts"], allow_pickle=False) if header.classes else None
        except (FileNotFoundError, DataError):
            raise
        except (OSError, EOFError, ValueError) as error:
            raise _damaged(folder, str(error)) from error
        _require_agreement(folder, header, rows, features, texts)
        return cls(folder, header, rows, features, texts)

    @property
    def encoder(self) -> str:
        """Name of the encoder, as `FrozenEncoder.load` takes it."""
        return self.header.recipe.encoder

    @property
    def fingerprint(self) -> Fingerprint:
        """What the encoder computes."""
        return self.header.recipe.fingerprint

    @property
    def logit_scale(self) -> float:
        """The encoder's temperature: logits are this times the cosine."""
        return self.header.recipe.logit_scale

    @property
    def n_views(self) -> int:
        """Rows per picture."""
        return self.header.recipe.n_views

    @property
    def n_pictures(self) -> int:
        """Pictures in the store."""
        return self.header.n_rows // self.n_views

    @property
    def classes(self) -> tuple[str, ...]:
        """Sorted names of the classes; empty if the pictures have no labels."""
        return self.header.classes

    def by_picture(self) -> Float16[np.ndarray, "pictures views dim"]:
        """The features, still on disk, with the views of a picture on an axis of their own."""
        return self.features.reshape(self.n_pictures, self.n_views, -1)

    def class_texts(self) -> dict[str, Float32[np.ndarray, " dim"]]:
        """The text feature of each class, as `MetaAdapterClassifier` takes them."""
        return {} if self.texts is None else dict(zip(self.classes, self.texts, strict=True))

    def mean_features(
        self,
    ) -> tuple[Float32[np.ndarray, "pictures dim"], Shaped[np.ndarray, " pictures"]]:
        """One unit feature per picture, the mean of its views, and the labels.

        Returns:
            Features in memory, float32, and the label of each picture ("" if it has none).
        """
        pictures = self.by_picture()
        means = np.empty((len(pictures), pictures.shape[2]), dtype=np.float32)
        step = max(1, CHUNK_ROWS // self.n_views)
        for start in range(0, len(pictures), step):
            chunk = pictures[start : start + step].astype(np.float32)
            means[start : start + step] = unit_rows(chunk.mean(axis=1))
        return means, self.rows.label[self.rows.view == 0].astype(str)


def unit_rows(features: Float[np.ndarray, "rows dim"]) -> Float[np.ndarray, "rows dim"]:
    """Scale each row to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit: np.ndarray = features / np.maximum(lengths, np.finfo(features.dtype).tiny)
    return unit


def _require_agreement(
    folder: Path,
    header: StoreHeader,
    rows: StoreRows,
    features: np.ndarray,
    texts: np.ndarray | None,
) -> None:
    dim = header.recipe.fingerprint.dim
    if (*features.shape, len(rows)) != (header.n_rows, dim, header.n_rows):
        raise _damaged(
            folder,
            f"store.json tells of {header.n_rows} rows of {dim} numbers, the table has "
            f"{len(rows)} and the features are {features.shape}",
        )
    if texts is not None and texts.shape != (len(header.classes), dim):
        raise _damaged(
            folder,
            f"store.json tells of {len(header.classes)} classes and {dim} numbers, and the text "
            f"features are {texts.shape}",
        )


def _damaged(folder: Path, reason: str) -> DataError:
    return DataError(f"the feature store {folder} is damaged: {reason}. To go on, {REMEDY}")
