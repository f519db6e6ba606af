"""An encoder around any PyTorch model of pictures: of timm, of torchvision, or of your own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Float32
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import normalize

from metaadapter.errors import UsageError
from metaadapter.features.device import choose_device
from metaadapter.features.fingerprint import (
    PROBE_SENTENCE,
    Fingerprint,
    digest_weights,
    probe_picture,
)
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.prompts import readable_name
from metaadapter.features.views import unit_rows

__all__ = ["ModelEncoder"]


@final
class ModelEncoder(ImageEncoder):
    """A model of pictures that is used and never trained.

    The model is put into evaluation mode, frozen and moved to its device.

    Args:
        name: The name of the encoder; with `--encoder FILE.py:FACTORY` that name takes its place.
        model: From preprocessed pictures (n, 3, H, W) to features (n, D) of any scale.
        preprocess: From an upright RGB picture to a tensor (3, H, W).
        texts: The text features of classes in the space of the pictures: a mapping from class name
            to vector (D,), or a function from a list of n names to an array (n, D). None if there
            are none: adapters are then predicted from pictures alone.
        logit_scale: The inverse temperature of a picture's cosine with a text; None if unknown.
        device: "cpu", "cuda", "mps"; the fastest one that is here if None.

    Raises:
        UsageError: The model does not give (n, D), or there is no such device.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        preprocess: Callable[[Image.Image], Tensor],
        *,
        texts: Mapping[str, np.ndarray] | Callable[[Sequence[str]], np.ndarray] | None = None,
        logit_scale: float | None = None,
        device: str | None = None,
    ) -> None:
        self.name = name
        self.preprocess = preprocess
        self.logit_scale = logit_scale
        self.device = choose_device(device)
        digest = digest_weights(model)
        self._model = model.eval().requires_grad_(False).to(self.device)
        self._encode_names = _by_name(texts) if isinstance(texts, Mapping) else texts
        picture = self.encode_pixels(preprocess(probe_picture())[None])[0].numpy()
        # A table of vectors has none of a sentence.
        sentence = self._texts([PROBE_SENTENCE], len(picture))[0] if callable(texts) else None
        self.fingerprint = Fingerprint.of(name, picture, sentence, digest=digest)

    def encode_pixels(
        self, batch: Float[Tensor, "batch 3 height width"]
    ) -> Float32[Tensor, "batch dim"]:
        """Unit rows on the CPU of preprocessed pictures."""
        with torch.inference_mode():
            features = self._model(batch.to(self.device))
        if not isinstance(features, Tensor) or features.ndim != 2:
            shape = tuple(features.shape) if isinstance(features, Tensor) else type(features)
            raise UsageError(
                f"the model of the encoder {self.name!r} should give features (pictures, width), "
                f"got {shape}; with timm, num_classes=0 leaves out the classifier"
            )
        return normalize(features.float(), dim=-1).cpu()

    def encode_texts(self, names: Sequence[str]) -> Float32[np.ndarray, "n dim"]:
        """Unit rows of class names; zeros where the encoder has no texts.

        Raises:
            UsageError: The encoder has no text of a name, or its texts have another width.
        """
        return self._texts(names, self.dim)

    def _texts(self, names: Sequence[str], dim: int) -> Float32[np.ndarray, "n dim"]:
        if self._encode_names is None or not len(names):
            return np.zeros((len(names), dim), dtype=np.float32)
        rows = np.asarray(self._encode_names(names), dtype=np.float32)
        if rows.shape != (len(names), dim):
            raise UsageError(
                f"the texts of the encoder {self.name!r} should be {(len(names), dim)}, as wide as "
                f"its features of pictures; got {rows.shape}"
            )
        return unit_rows(rows)


def _by_name(texts: Mapping[str, np.ndarray]) -> Callable[[Sequence[str]], np.ndarray]:
    vectors = {readable_name(name): vector for name, vector in texts.items()}

    def look_up(names: Sequence[str]) -> np.ndarray:
        missing = [name for name in names if readable_name(name) not in vectors]
        if missing:
            raise UsageError(
                f"the encoder has no text of {missing[0]!r}; it has those of "
                f"{', '.join(map(repr, list(vectors)[:5]))}{', …' if len(vectors) > 5 else ''}"
            )
        return np.stack([vectors[readable_name(name)] for name in names])

    return look_up
