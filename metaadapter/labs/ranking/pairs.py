"""Pairs of pictures and captions: read from a manifest, stored as an adapter, and left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Float32
from pydantic import BaseModel, ConfigDict, Field
from safetensors.torch import load

from metaadapter.adapter.card import renew_card
from metaadapter.adapter.config import read_facts
from metaadapter.adapter.files import write_adapter_files
from metaadapter.adapter.layout import (
    CAPTION_SCHEMA,
    CONFIG_FILE,
    REMEDY,
    WEIGHTS_FILE,
    open_adapter,
)
from metaadapter.adapter.stored import UNUSABLE, tensor_bytes, texts_of
from metaadapter.data.manifest import is_manifest
from metaadapter.data.plain_text import in_markdown, one_line
from metaadapter.data.reader import read_images
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.errors import DataError
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.labs.ranking.captions import captions_of, encode_captions
from metaadapter.labs.ranking.pair_adapter import fit_pairs, left_out_cosines
from metaadapter.workflow.accuracy import Proportion

MOST_SHOWN = 20
_HEAD = """---
library_name: metaadapter
pipeline_tag: zero-shot-image-classification
tags: [clip, few-shot, adapter, image-text-retrieval]
---
"""


class PairsConfig(BaseModel):
    """The facts stored with the features of pairs."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["caption-adapter"] = "caption-adapter"
    library_version: str = Field(default_factory=lambda: version("metaadapter"))
    width: Annotated[int, Field(gt=0)]
    captions: Annotated[list[str], Field(min_length=1)]
    templates: Annotated[list[str], Field(min_length=1)] = ["{}"]
    """The templates that captions are put into before they are encoded, here and in rankings."""
    origin: Origin = Origin()


def _facts(config: PairsConfig) -> str:
    origin, n = config.origin, len(config.captions)
    encoder = in_markdown(origin.encoder) if origin.encoder else "not recorded"
    shown = "\n".join(f"- {in_markdown(caption)}" for caption in config.captions[:MOST_SHOWN])
    more = f"\n- … ({n} in all)" if n > MOST_SHOWN else ""
    looks = f"zoom={origin.zoom}" + (f", blocks={origin.block_names}" if origin.blocks else "")
    return f"""# An adapter that orders captions and pictures

Fitted by metaadapter {in_markdown(config.library_version)} to {n} pairs of a picture and its
caption, in closed form. It works on features of the frozen encoder {encoder}, {config.width}
wide, whose licence also applies, and holds no picture, only features and these captions:

{shown}{more}

```python
from pathlib import Path

from metaadapter.features import load_encoder
from metaadapter.labs import fit_pairs, load_pairs, search

encoder = load_encoder({one_line(origin.encoder or "…")!r}, {looks})
pairs = load_pairs(Path("path/of/this/adapter"))
adapter = fit_pairs(pairs.pictures, pairs.captions)
captions = adapter.caption_rows(encoder.encode_texts(["a caption"], templates="{{}}"))
pictures = adapter.picture_rows(encoder.encode_images(["picture.jpg"]))
matches = search(captions, pictures, k=10)
```"""


@dataclass(frozen=True, slots=True, eq=False)
class StoredPairs:
    """The features of pairs, from which `fit_pairs` computes an adapter at once."""

    config: PairsConfig
    pictures: Float32[np.ndarray, "pairs dim"]
    """Unit rows, as the encoder gave them."""
    captions: Float32[np.ndarray, "pairs dim"]
    picture_hashes: tuple[str, ...] = ()
    """The sorted SHA-256 digests of the pictures, which identify a picture without showing it."""


def store_pairs(path: Path, stored: StoredPairs) -> None:
    """Write pairs to a folder or a skill file; an adapter that is there is replaced.

    At any moment the path holds either the old adapter or the new one.

    Raises:
        DataError: The path holds other files, cannot be written, or is in use by another process.
    """
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(rows, np.float32))
        for name, rows in (("pictures", stored.pictures), ("captions", stored.captions))
    }
    hashes = json_text(sorted(stored.picture_hashes))
    contents = {WEIGHTS_FILE: tensor_bytes(tensors, picture_hashes=hashes)}
    facts = {"schema": CAPTION_SCHEMA, **stored.config.model_dump(mode="json")}
    write_adapter_files(
        path, facts, contents, lambda old: renew_card(old, _HEAD, _facts(stored.config))
    )


def load_pairs(adapter: Path) -> StoredPairs:
    """Read pairs from a folder or a skill file; `is_caption_adapter` says if an adapter has pairs.

    Raises:
        DataError: The adapter is damaged, or a feature is not finite.
        IncompatibleArtifact: This version cannot read the adapter.
    """
    place, path = open_adapter(adapter, CONFIG_FILE, WEIGHTS_FILE), adapter / CONFIG_FILE
    config, proof = read_facts(PairsConfig, path, CAPTION_SCHEMA, place)
    content = proof.read(WEIGHTS_FILE)
    try:
        tensors = load(content)
        pictures, captions = (tensors[name].numpy() for name in ("pictures", "captions"))
        hashes = tuple(map(str, parse_json(texts_of(content)["picture_hashes"])))
        expected = (len(config.captions), config.width)
        for name, rows in (("pictures", pictures), ("captions", captions)):
            if rows.shape != expected or rows.dtype != np.float32:
                raise ValueError(f"{name} is {rows.dtype} {rows.shape}, not float32 {expected}")
            if not np.isfinite(rows).all():
                raise ValueError(f"{name} holds features that are NaN or infinite")
    except UNUSABLE as error:
        raise DataError(f"{adapter} is damaged: {error}; {REMEDY}") from error
    return StoredPairs(config, pictures, captions, hashes)


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
    pictures = encode_rows(table.rows, encoder, views=views, seed=seed)
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
    texts = encode_captions(encoder, captions, templates)
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
