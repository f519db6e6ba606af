"""Pictures with their paths, labels and features, from picture files or from a feature store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.table import ImageRow
from metaadapter.errors import DataError, UsageError
from metaadapter.features.encoding_loop import encode_pictures
from metaadapter.features.encoding_pipeline import Pipeline
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.header import HEADER_FILE, REMEDY
from metaadapter.features.store.picture_facts import PictureFacts, contradictions, equal_pictures
from metaadapter.files.regular_files import is_regular
from metaadapter.files.url import Url


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPictures:
    """Readable pictures, each with one unit row of features, the mean of its views.

    `rows` are the table rows from which the pictures were read; () if some come from a store.
    """

    pictures: tuple[PictureFacts, ...]
    features: Float[np.ndarray, "n dim"]
    quarantined: tuple[UnreadableImage, ...] = ()
    warnings: tuple[str, ...] = ()
    rows: tuple[ImageRow, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The path of each picture, as the user gave it."""
        return tuple(picture.path for picture in self.pictures)

    @property
    def labels(self) -> tuple[str, ...]:
        """The label of each picture; "" for an unlabelled picture."""
        return tuple(picture.label for picture in self.pictures)

    @property
    def sha256(self) -> tuple[str, ...]:
        """The content hash of each picture."""
        return tuple(picture.sha256 for picture in self.pictures)

    def select(self, numbers: Sequence[int]) -> EncodedPictures:
        """Return only the pictures with these numbers (from 0), in this order."""
        pictures = tuple(self.pictures[number] for number in numbers)
        rows = tuple(self.rows[number] for number in numbers) if self.rows else ()
        return replace(self, pictures=pictures, features=self.features[list(numbers)], rows=rows)

    @classmethod
    def joined(cls, parts: Iterable[EncodedPictures], *, width: int) -> EncodedPictures:
        """Join parts, perhaps none, into one; `width` is the width of the features."""
        parts = list(parts)
        none = np.empty((0, width), dtype=np.float32)
        pictures = tuple(picture for part in parts for picture in part.pictures)
        rows = tuple(row for part in parts for row in part.rows)
        return cls(
            pictures,
            np.concatenate([none, *(part.features for part in parts)]),
            tuple(picture for part in parts for picture in part.quarantined),
            tuple(warning for part in parts for warning in part.warnings),
            rows if len(rows) == len(pictures) else (),
        )

    def __len__(self) -> int:
        return len(self.pictures)


def encode_rows(
    rows: Sequence[ImageRow],
    encoder: ImageEncoder,
    *,
    views: int,
    seed: int,
) -> EncodedPictures:
    """Encode the pictures of a table in memory, as `encode_pictures` does.

    The result lists pictures that cannot be read, and warns of copies with different labels.
    """
    pipeline = Pipeline(encoder, views, seed)
    features, contents = encode_pictures([row.picture for row in rows], pipeline)
    pairs = list(zip(rows, contents, strict=True))
    pictures = tuple(PictureFacts.of(row, one) for row, one in pairs if isinstance(one, str))
    return EncodedPictures(
        pictures,
        features,
        tuple(one for one in contents if isinstance(one, UnreadableImage)),
        contradictions(equal_pictures(pictures)),
        tuple(row for row, one in pairs if isinstance(one, str)),
    )


def require_some(n_pictures: int, quarantined: Sequence[UnreadableImage]) -> None:
    """Raise a `DataError` with the first errors unless at least one picture could be read."""
    if not n_pictures:
        raise DataError("there are no pictures to encode; name a folder or a list that has some")
    if len(quarantined) == n_pictures:
        raise DataError(
            f"none of the {n_pictures} pictures could be read, so there is nothing to encode. "
            "First errors: " + "; ".join(str(error) for error in quarantined[:3])
        )


def read_store(store: FeatureStore, *, split: str | None = None) -> EncodedPictures:
    """Return the pictures of a store or of one of its splits; `DataError` for an unknown split."""
    whole = EncodedPictures(tuple(store.rows.pictures()), store.mean_features()[0])
    if split is None or split == "all":
        return whole
    return whole.select(pictures_of_split(store, split).tolist())


def pictures_of_split(store: FeatureStore, split: str | None) -> Int[np.ndarray, " n"]:
    """Return the numbers of a store's pictures in a split, or of all for None and "all"."""
    if split is None or split == "all":
        return np.arange(store.n_pictures)
    splits_N = store.rows.of_pictures("split")
    numbers = np.flatnonzero(splits_N == split)
    if not len(numbers):
        splits = sorted({name for name in splits_N.tolist() if name})
        raise DataError(
            f"the feature store {store.folder} has no split {split!r}; "
            + (f"it has {', '.join(splits)}" if splits else "it is not divided into splits")
        )
    return numbers


def is_store(path: Path) -> bool:
    """Return whether a path is a feature store; `DataError` for one without its `store.json`."""
    is_whole = is_regular(path / HEADER_FILE)
    if isinstance(path, Url):
        if is_whole:
            raise UsageError(
                f"{path} is a feature store in a remote place, and feature stores are read from "
                "a drive; copy it to one"
            )
        return False
    if is_whole:
        return True
    if path.is_dir() and any(path.glob("features-*.npy")) and any(path.glob("pictures-*.arrow")):
        raise DataError(
            f"{path / HEADER_FILE} is missing, or no file, and a feature store needs it; {REMEDY}"
        )
    return False
