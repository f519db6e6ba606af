"""Loads the encoder of a set, for methods that need more than its features."""

from __future__ import annotations

from functools import lru_cache

from metaadapter.bench.evaluation.evaluation_set import EvaluationSet
from metaadapter.errors import IncompatibleArtifact, MetaAdapterError, UsageError
from metaadapter.features.encoder_by_name import load_encoder
from metaadapter.features.image_encoder import ImageEncoder


def encoder_of_set(data: EvaluationSet, method: str) -> ImageEncoder:
    """The encoder of a set, on the CPU; the last four stay loaded.

    Args:
        data: The set.
        method: The method that needs the encoder, for the error.

    Raises:
        UsageError: The encoder cannot be loaded here, or is not the one that made the features.
    """
    # A set with its joint features alone names no blocks.
    blocks = tuple(data.look_blocks) or ("joint",)
    owner = "a store of the evaluation"
    try:
        encoder = _loaded(data.encoder, data.zoom, blocks, owner)
        if (str(encoder.fingerprint), encoder.dim) != (data.fingerprint, data.text_CD.shape[1]):
            raise IncompatibleArtifact(
                f"it is now {encoder.fingerprint}, with features of width {encoder.dim} instead of "
                f"{data.text_CD.shape[1]}"
            )
    except MetaAdapterError as error:
        raise UsageError(
            f"{method} needs the encoder {data.fingerprint} of {owner}, which cannot be loaded: "
            f"{error}. Leave {method} out of --methods"
        ) from error
    return encoder


@lru_cache(maxsize=4)
def _loaded(name: str, zoom: bool, blocks: tuple[str, ...], owner: str) -> ImageEncoder:
    return load_encoder(name, device="cpu", zoom=zoom, blocks=blocks, remembered_by=owner)
