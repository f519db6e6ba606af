"""The pictures of a ranking: encoded once, or read in blocks from a feature store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.table import ImageTable
from metaadapter.features.encoded_pictures import encode_rows, require_some
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.labs.ranking.captions import PictureKey
from metaadapter.workflow.stored_queries import StoredQueries


@dataclass(frozen=True, slots=True, eq=False)
class RankedPictures:
    """Pictures that were read, each once."""

    keys: Sequence[PictureKey]
    """The path of each picture, and the part that is encoded; `None` for the whole picture."""
    sha256: Sequence[str]
    blocks: Callable[[], Iterable[Float32[np.ndarray, "_ dim"]]]
    """Returns unit rows, in the order of the pictures; those of a store are read each time."""
    quarantined: tuple[UnreadableImage, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def paths(self) -> list[str]:
        """The paths of the pictures, as the user gave them."""
        return [str(path) for path, _ in self.keys]


def pictures_of_store(folder: Path, encoder: Fingerprint) -> RankedPictures:
    """Return the pictures of a feature store; their features stay on disk."""
    store = FeatureStore.open(folder)
    encoder.require_match(store.fingerprint, owner="the adapter")
    stored = StoredQueries(store)
    keys = [(path, None) for path in stored.paths().tolist()]
    hashes = store.rows.of_pictures("sha256").tolist()
    return RankedPictures(keys, hashes, lambda: (part.features for part in stored.parts()))


def encode_table(
    table: ImageTable,
    encoder: ImageEncoder,
    origin: Origin,
    progress: Callable[[Progress], None] | None = None,
) -> RankedPictures:
    """Encode the pictures of a table, each file and box once."""
    rows = list({(row.path, row.box): row for row in table.rows}.values())
    encoded = encode_rows(rows, encoder, views=origin.n_views, seed=origin.seed, progress=progress)
    require_some(len(rows), encoded.quarantined)
    keys = [(str(row.path), row.box) for row in encoded.rows]
    features, warnings = encoded.features, table.warnings
    return RankedPictures(keys, encoded.sha256, lambda: [features], encoded.quarantined, warnings)
