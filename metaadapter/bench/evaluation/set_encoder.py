"""The encoder that made the features of a set, for what asks more of it than its features."""

from __future__ import annotations

from functools import lru_cache

from metaadapter.bench.evaluation.evaluation_set import EvaluationSet
from metaadapter.errors import IncompatibleArtifact, MetaAdapterError, UsageError
from metaadapter.features.encoder_by_name import load_encoder
from metaadapter.features.image_encoder import ImageEncoder


def encoder_of_set(data: EvaluationSet, method: str) -> ImageEncoder:
    """The encoder of a set, on the CPU; the last few stay loaded.

    Args:
        data: The set.
        method: What needs the encoder, for the error.

    Raises:
        UsageError: The encoder cannot be loaded here, or it is none that the set tells.
    """
    # A set with its joint features alone has no blocks, and so has the encoder then.
    blocks = tuple(data.look_blocks) or ("joint",)
    owner = "a store of the evaluation"
    try:
        encoder = _loaded(data.encoder, data.zoom, blocks, owner)
        if (str(encoder.fingerprint), encoder.dim) != (data.fingerprint, data.text_CD.shape[1]):
            raise IncompatibleArtifact(
                f"today it is {encoder.fingerprint}, with features of width {encoder.dim} in place "
                f"of {data.text_CD.shape[1]}"
            )
    except MetaAdapterError as error:
        raise UsageError(
            f"{method} needs {data.fingerprint}, which made the features of {owner}, and it "
            f"cannot be had: {error}. Leave {method} out of --methods"
        ) from error
    return encoder


@lru_cache(maxsize=4)
def _loaded(name: str, zoom: bool, blocks: tuple[str, ...], owner: str) -> ImageEncoder:
    return load_encoder(name, device="cpu", zoom=zoom, blocks=blocks, remembered_by=owner)
