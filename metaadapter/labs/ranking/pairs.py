"""Read the pairs in a manifest, and estimate their adapter's accuracy on left-out pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from metaadapter.data.manifest import is_manifest
from metaadapter.data.reader import read_images
from metaadapter.errors import DataError
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.labs.ranking.captions import captions_of, encode_captions
from metaadapter.labs.ranking.pair_adapter import fit_pairs
from metaadapter.labs.ranking.regression import left_out_cosines
from metaadapter.labs.ranking.stored_pairs import PairsConfig, StoredPairs
from metaadapter.workflow.accuracy import Proportion

# More pairs would take minutes to solve, and make rows wider than those of an encoder.
MOST_PAIRS = 5_000


def read_pairs(
    manifest: Path,
    load: Callable[[], ImageEncoder],
    *,
    templates: Sequence[str],
    views: int,
    seed: int,
    split: str | None,
    progress: Callable[[Progress], None] | None = None,
) -> tuple[StoredPairs, EncodedPictures]:
    """Encode the pictures in a manifest and their captions; return the pairs and the pictures."""
    if not (manifest.is_file() and is_manifest(manifest)):
        raise DataError(
            f"expected a manifest (.csv, .tsv, .jsonl, .parquet) with the columns path and caption "
            f"for captions, got {manifest}"
            + ("" if manifest.exists() else ", which does not exist")
        )
    table = read_images(manifest, labelled=False, split=split)
    captions_of(table, manifest)
    if not 2 <= len(table.rows) <= MOST_PAIRS:
        raise DataError(
            f"expected 2 to {MOST_PAIRS:,} pairs of a picture and its caption in {manifest}, got "
            f"{len(table.rows):,}; 4 to 64 different pairs are usual"
        )
    encoder = load()
    pictures = encode_rows(table.rows, encoder, views=views, seed=seed, progress=progress)
    captions = [row.caption or "" for row in pictures.rows]
    if len(captions) < 2:
        raise DataError(
            f"only {len(pictures)} of the {len(table.rows)} pictures of {manifest} can be read: "
            f"{'; '.join(map(str, pictures.quarantined[:3]))}; replace them"
        )
    config = PairsConfig(
        width=encoder.dim,
        captions=captions,
        templates=list(templates),
        origin=Origin.of(encoder, views, seed),
    )
    texts = encode_captions(encoder, captions, templates, progress)
    stored = StoredPairs(config, pictures.features, texts, tuple(sorted({*pictures.sha256})))
    return stored, pictures


@dataclass(frozen=True, slots=True)
class LeftOutPairs:
    """The fractions of left-out pairs whose own caption, or own picture, is the best match.

    A picture matches every pair with the same caption; of several pairs with one picture, only the
    first counts. The fields `frozen_…` are for the cosines of the frozen encoder.
    """

    captions_found: Proportion
    pictures_found: Proportion
    frozen_captions_found: Proportion
    frozen_pictures_found: Proportion


def estimate_pairs(stored: StoredPairs) -> LeftOutPairs:
    """Leave each pair out of the fit, in closed form, and count the pairs that match best."""
    # A picture with a second caption in the fit would not be left out.
    _, first = np.unique(stored.pictures, axis=0, return_index=True)
    first.sort()
    pictures, captions = stored.pictures[first], stored.captions[first]
    names = np.array(stored.config.captions)[first]
    adapter, frozen = fit_pairs(pictures, captions), pictures @ captions.T
    cosines = left_out_cosines(adapter.pictures, adapter.captions, adapter.corrections)
    return LeftOutPairs(
        *(_matching(table, names) for table in (cosines, cosines.T, frozen, frozen.T))
    )


def _matching(cosines: Float32[np.ndarray, "n n"], names: np.ndarray) -> Proportion:
    return Proportion(int((names[cosines.argmax(1)] == names).sum()), len(names))
