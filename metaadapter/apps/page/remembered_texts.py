"""An encoder that encodes each text only once: names of classes seldom change between edits."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from metaadapter.features.image_encoder import ImageEncoder


def remembering_texts(encoder: ImageEncoder) -> ImageEncoder:
    """Return a copy of an encoder that encodes each text only once."""
    rows: dict[str, Float32[np.ndarray, " D"]] = {}

    def encode_texts(names: Sequence[str]) -> Float32[np.ndarray, "n D"]:
        new = [name for name in dict.fromkeys(names) if name not in rows]
        if new:
            rows.update(zip(new, encoder.encode_texts(new), strict=True))
        return np.array([rows[name] for name in names], np.float32).reshape(-1, encoder.dim)

    remembering = copy.copy(encoder)
    vars(remembering)["encode_texts"] = encode_texts
    return remembering
