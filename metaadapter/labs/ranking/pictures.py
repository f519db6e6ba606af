"""The pictures of a ranking: encoded once, or read in blocks from a feature store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from metaadapter.data.crop import Box
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.table import ImageTable
from metaadapter.features.encoded_pictures import require_some
from metaadapter.features.encoding_loop import Progress, encode_pictures
from metaadapter.features.encoding_pipeline import Pipeline
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.features.store.checked_rows import CheckedRows
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.views import mean_of_views

# 50 MB of features 3,000 wide, in single precision.
PICTURES_AT_ONCE = 2**12


@dataclass(frozen=True, slots=True, eq=False)
class RankedPictures:
    """Pictures that were read, each once, with their features in memory or on disk."""

    paths: tuple[str, ...]
    boxes: tuple[Box | None, ...]
    """The part of each picture that is encoded; `None` for the whole picture."""
    sha256: tuple[str, ...]
    features: Float32[np.ndarray, "n dim"] | CheckedRows
    """Unit rows: in memory one for each picture, on disk one for each view of each picture."""
    quarantined: tuple[UnreadableImage, ...] = ()
    warnings: tuple[str, ...] = ()

    def blocks(
        self, progress: Callable[[Progress], None] | None = None
    ) -> Iterator[Float32[np.ndarray, "_ dim"]]:
        """Yield the features of all pictures in order, in blocks of rows in single precision."""
        for start in range(0, len(self), PICTURES_AT_ONCE):
            block = self.features[start : start + PICTURES_AT_ONCE]
            yield block if block.ndim == 2 else mean_of_views(block)
            if progress is not None:
                progress(Progress("read", start + len(block), len(self), 0.0))

    def __len__(self) -> int:
        return len(self.paths)


def pictures_of_store(folder: Path, encoder: Fingerprint) -> RankedPictures:
    """Return the pictures of a feature store; their features stay on disk."""
    store = FeatureStore.open(folder)
    encoder.require_match(store.fingerprint, owner="the adapter")
    paths, hashes = (tuple(store.rows.of_pictures(column)) for column in ("path", "sha256"))
    return RankedPictures(paths, (None,) * len(paths), hashes, store.by_picture())


def encode_table(
    table: ImageTable,
    encoder: ImageEncoder,
    origin: Origin,
    progress: Callable[[Progress], None] | None = None,
) -> RankedPictures:
    """Encode the pictures of a table, each file and box once."""
    rows = list({(row.path, row.box): row for row in table.rows}.values())
    features, contents = encode_pictures(
        [row.picture for row in rows],
        Pipeline(encoder, origin.n_views, origin.seed),
        progress=progress,
    )
    unreadable = tuple(content for content in contents if isinstance(content, UnreadableImage))
    require_some(len(rows), unreadable)
    pairs = zip(rows, contents, strict=True)
    read = [(row, content) for row, content in pairs if isinstance(content, str)]
    return RankedPictures(
        tuple(str(row.path) for row, _ in read),
        tuple(row.box for row, _ in read),
        tuple(content for _, content in read),
        features,
        unreadable,
        table.warnings,
    )
