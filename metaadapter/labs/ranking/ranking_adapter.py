"""An adapter of pairs or of classes, with its encoder, that ranks captions and pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.files import load_adapter
from metaadapter.adapter.layout import is_caption_adapter
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.reader import read_images
from metaadapter.data.table import ImageTable
from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.device import Precision
from metaadapter.features.encoded_pictures import encode_rows, is_store, require_some
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.logit_scale import CLIP_LOGIT_SCALE
from metaadapter.features.origin import Origin
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.labs.ranking.captions import (
    PAIRS_LOGIT_SCALE,
    Captions,
    PictureKey,
    encode_captions,
)
from metaadapter.labs.ranking.pair_adapter import fit_pairs
from metaadapter.labs.ranking.pairs import PairsConfig, StoredPairs, load_pairs
from metaadapter.labs.ranking.rankings import balance_kinds, lead_of_pairs, level_candidates
from metaadapter.workflow.queries import StoredQueries, load_base_encoder


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
    keys = [(path, None) for path in stored.column("path").tolist()]
    hashes = store.rows.of_pictures("sha256").tolist()
    return RankedPictures(keys, hashes, lambda: (part.features for part in stored.parts()))


def encode_table(
    table: ImageTable,
    encoder: ImageEncoder,
    origin: Origin,
) -> RankedPictures:
    """Encode the pictures of a table, each file and box once."""
    rows = list({(row.path, row.box): row for row in table.rows}.values())
    encoded = encode_rows(rows, encoder, views=origin.n_views, seed=origin.seed)
    require_some(len(rows), encoded.quarantined)
    keys = [(str(row.path), row.box) for row in encoded.rows]
    features, warnings = encoded.features, table.warnings
    return RankedPictures(keys, encoded.sha256, lambda: [features], encoded.quarantined, warnings)


@dataclass(frozen=True, slots=True, eq=False)
class RankingTask:
    """Rows whose products are the scores; `n_of_pairs` pictures are in the adapter's pairs."""

    pictures: RankedPictures
    picture_rows: Float32[np.ndarray, "n width"]
    caption_rows: Float32[np.ndarray, "m width"]
    n_of_pairs: int
    n_new: int = 0
    """The number of captions that no pair has, if they are candidates together with others."""


@dataclass(frozen=True, slots=True, eq=False)
class RankingAdapter:
    """The pairs and the encoder of an adapter; an adapter of classes has no pairs."""

    pairs: StoredPairs
    encoder: ImageEncoder
    logit_scale: float
    """The factor on scores before the softmax over answers."""

    @property
    def n_pairs(self) -> int:
        """The number of pairs; without pairs, scores are the cosines of the frozen encoder."""
        return len(self.pairs.captions)

    @property
    def origin(self) -> Origin:
        """The encoder and the settings of the features."""
        return self.pairs.config.origin

    def encode(
        self,
        source: Path,
        captions: Captions,
        *,
        together: bool = False,
    ) -> RankingTask:
        """Encode captions and the pictures in `source` to rows whose products are the scores."""
        if is_store(source):
            pictures = pictures_of_store(source, self.encoder.fingerprint)
        else:
            table = read_images(source, labelled=False)
            pictures = encode_table(table, self.encoder, self.origin)
        templates = self.pairs.config.templates
        texts = encode_captions(self.encoder, captions.texts, templates)
        # Rows can be summed over looks only if the text is the same for all, as with open_clip.
        looks: dict[str, Any] = {}
        if isinstance(self.encoder, FrozenEncoder):
            looks = {"zoom": self.origin.zoom, "blocks": self.origin.blocks}
        adapter = fit_pairs(
            self.pairs.pictures,
            self.pairs.captions,
            more_pictures=pictures.blocks() if together else (),
            more_captions=(texts,) if together else (),
            **looks,
        )
        # With `together`, hubs are found among these pictures and captions, not in the pairs.
        blocks = [adapter.picture_rows(block, hubs=not together) for block in pictures.blocks()]
        rows = np.concatenate(blocks), adapter.caption_rows(texts, hubs=not together)
        if together:
            rows = level_candidates(*rows)
        n_of_pairs = len({*pictures.sha256} & {*self.pairs.picture_hashes})
        known = {*self.pairs.config.captions}
        of_pairs = np.array([text in known for text in captions.texts])
        if of_pairs.all() or not of_pairs.any():
            return RankingTask(pictures, *rows, n_of_pairs)
        leads = [lead_of_pairs(block, texts, of_pairs) for block in pictures.blocks()]
        balanced = balance_kinds(*rows, of_pairs, np.concatenate(leads))
        return RankingTask(pictures, rows[0], balanced, n_of_pairs, int((~of_pairs).sum()))


def read_ranking_adapter(
    adapter: Path, encoder: str | None, device: str, precision: Precision
) -> RankingAdapter:
    """Read an adapter of pairs or of classes, and its encoder: the one it names, or `encoder`."""

    def load(config: AdapterConfig | PairsConfig) -> ImageEncoder:
        return load_base_encoder(adapter, config.origin, config.width, encoder, device, precision)

    if not is_caption_adapter(adapter):
        classes = load_adapter(adapter).config
        # Parts in the encoder's towers were trained for names of classes, not for sentences.
        loaded = load(classes)
        scale = classes.logit_scale or loaded.logit_scale or CLIP_LOGIT_SCALE
        return RankingAdapter(_without_pairs(loaded.dim, classes.origin), loaded, scale)
    pairs = load_pairs(adapter)
    loaded = load(pairs.config)
    if loaded.dim != pairs.config.width:
        raise IncompatibleArtifact(
            f"the adapter {adapter} was made from features {pairs.config.width} wide, but those of "
            f"the encoder {loaded.name} are {loaded.dim} wide; use the adapter's own encoder"
        )
    return RankingAdapter(pairs, loaded, PAIRS_LOGIT_SCALE)


def _without_pairs(width: int, origin: Origin) -> StoredPairs:
    no_rows = np.empty((0, width), np.float32)
    # A configuration without pairs is not valid, so it skips the validation.
    config = PairsConfig.model_construct(width=width, captions=[], origin=origin)
    return StoredPairs(config, no_rows, no_rows)
