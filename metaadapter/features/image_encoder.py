"""What an encoder is to this library: pictures in, unit features out, and perhaps names as well."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol, overload, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32
from PIL import Image
from torch import Tensor

from metaadapter.features.fingerprint import Fingerprint
from metaadapter.images import ImageInput, UnreadableImage

__all__ = ["CLIP_LOGIT_SCALE", "ImageEncoder"]

CLIP_LOGIT_SCALE = 100.0
"""Where CLIP's trained inverse temperature saturates (paper, section 2.5): what methods that need
one take for an encoder whose own is unknown."""


@runtime_checkable
class ImageEncoder(Protocol):
    """What the commands, feature stores and classifiers ask of an encoder.

    `FrozenEncoder` is the encoder of open_clip's models, `ModelEncoder` wraps any other PyTorch
    model. For anything else derive from this class, set the attributes without a default, and
    write `encode_pixels`; the rest is given. An encoder must not change while it is used.

    Attributes:
        name: What the user types to get this encoder again.
        fingerprint: What the encoder computes; see `Fingerprint.of`.
        preprocess: From an upright RGB picture to (3, height, width), the same for every picture.
        precision: The number format of the calculation: "fp32", "bf16" or "fp16".
        logit_scale: The inverse temperature: logits are this times the cosine of a picture and a
            text. None if it is unknown, or if there are no texts.
        templates: The sentences that class names are put into, for people to read.
    """

    name: str
    fingerprint: Fingerprint
    preprocess: Callable[[Image.Image], Tensor]
    precision: str = "fp32"
    logit_scale: float | None = None
    templates: tuple[str, ...] = ()

    @abstractmethod
    def encode_pixels(
        self, batch: Float[Tensor, "batch 3 height width"]
    ) -> Float32[Tensor, "batch dim"]:
        """Unit rows on the CPU of preprocessed pictures; called from several threads at once."""

    def encode_texts(self, names: Sequence[str]) -> Float32[np.ndarray, "n dim"]:
        """Unit rows of class names; rows of zeros from an encoder that knows no texts."""
        return np.zeros((len(names), self.dim), dtype=np.float32)

    @property
    def dim(self) -> int:
        """The width D of the features."""
        return self.fingerprint.dim

    @overload
    def encode_images(
        self,
        images: Iterable[ImageInput] | np.ndarray,
        *,
        views: int = 1,
        seed: int = 0,
        batch_size: int = 32,
        on_error: Literal["raise"] = "raise",
    ) -> Float32[np.ndarray, "n dim"]: ...

    @overload
    def encode_images(
        self,
        images: Iterable[ImageInput] | np.ndarray,
        *,
        views: int = 1,
        seed: int = 0,
        batch_size: int = 32,
        on_error: Literal["skip"],
    ) -> tuple[Float32[np.ndarray, "n dim"], dict[int, UnreadableImage]]: ...

    def encode_images(
        self,
        images: Iterable[ImageInput] | np.ndarray,
        *,
        views: int = 1,
        seed: int = 0,
        batch_size: int = 32,
        on_error: Literal["raise", "skip"] = "raise",
    ) -> np.ndarray | tuple[np.ndarray, dict[int, UnreadableImage]]:
        """Encode pictures: one unit feature each, the same that a feature store gives.

        Each view is rounded to float16 and back, as a store keeps it.

        Args:
            images: Paths, bytes of picture files, binary file objects, open pictures and uint8
                arrays (H, W[, 1, 3 or 4]), also mixed; or one array (n, H, W, 1, 3 or 4).
            views: The centre view and `views` − 1 random crops are averaged into one feature.
            seed: The seed of the random crops.
            batch_size: The number of views that go through the network at a time. Another one moves
                the last digits at most.
            on_error: With "raise" a picture that cannot be read ends the call. With "skip" it is
                left out and given back.

        Returns:
            The features (n, D), float32. With `on_error="skip"` a pair: those of the pictures that
            could be read, in their order, and the error of each other, with path and reason, by its
            number in `images`, counted from 0.

        Raises:
            UnreadableImage: A picture cannot be read.
            UsageError: `images` is not a list of pictures, or an argument is out of range.
        """
        from metaadapter.features.encoded_pictures import encode_pictures

        features, contents = encode_pictures(
            images, self, views=views, seed=seed, batch_size=batch_size, on_error=on_error
        )
        if on_error == "raise":
            return features
        failures = {n: it for n, it in enumerate(contents) if isinstance(it, UnreadableImage)}
        return features, failures
