"""The interface of all encoders, and an encoder around any PyTorch model of pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, final, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Float32
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import normalize

from metaadapter.data.inputs import ImageInput
from metaadapter.errors import UsageError
from metaadapter.features.device import choose_device
from metaadapter.features.encoding_loop import encode_pictures
from metaadapter.features.encoding_pipeline import Pipeline
from metaadapter.features.fingerprint import (
    PROBE_SENTENCE,
    Fingerprint,
    digest_weights,
    probe_picture,
)
from metaadapter.features.logit_scale import read_logit_scale
from metaadapter.features.networks import ImageNetwork
from metaadapter.features.views import join_looks, look_at, look_widths, n_looks, unit_rows


@runtime_checkable
class ImageEncoder(Protocol):
    """The interface of an encoder: pictures go in, unit features come out.

    `FrozenEncoder` is the encoder of open_clip's models, and `ModelEncoder` wraps any other PyTorch
    model. For anything else derive from this class, set the attributes without a default, and write
    `encode_pixels`. An encoder must not change while it is used.

    Attributes:
        name: The name by which the user loads this encoder.
        fingerprint: The identity of the encoder; see `Fingerprint.of`.
        preprocess: Maps an upright RGB picture to a tensor (3, height, width) of a fixed size.
        precision: The number format of the calculation: "fp32", "bf16" or "fp16".
        logit_scale: The inverse temperature: logits are the cosine of a picture and a text, times
            this. None if it is unknown, or if there are no texts.
        templates: The sentences that class names are put into, for people to read.
        zoom: Whether the middle of each picture is encoded as well as the whole. The features are
            then twice as wide as those of `encode_pixels`, and texts must be as wide.
        look_blocks: Names and widths of the blocks that `encode_pixels` puts side by side, first
            the joint block, the only one with texts; empty without further blocks.
    """

    name: str
    fingerprint: Fingerprint
    preprocess: Callable[[Image.Image], Tensor]
    zoom: bool = False
    look_blocks: Mapping[str, int] = MappingProxyType({})
    precision: str = "fp32"
    logit_scale: float | None = None
    templates: tuple[str, ...] = ()

    @abstractmethod
    def encode_pixels(
        self, batch: Float[Tensor, "batch 3 height width"]
    ) -> Float32[Tensor, "batch look_dim"]:
        """Encode single looks to unit rows on the CPU; called from several threads at once."""

    def image_network(self) -> nn.Module:
        """Return `encode_pixels` as a PyTorch module, for export; `UsageError` if there is none."""
        raise UsageError(
            f"the encoder {self.name} has no method image_network(), which returns its image "
            "tower as one PyTorch module, so the tower cannot be exported; write that method, or "
            "export only the adapter"
        )

    def look(self, picture: Image.Image) -> Float32[Tensor, "looks 3 height width"]:
        """Preprocess the looks at an upright RGB picture."""
        return look_at(picture, self.preprocess, self.zoom)

    def encode_looks(
        self, batch: Float[Tensor, "batch looks 3 height width"]
    ) -> Float32[np.ndarray, "batch dim"]:
        """Encode pictures, each given by its looks, to unit rows."""
        rows = self.encode_pixels(batch.flatten(0, 1)).numpy()
        return join_looks(rows.reshape(*batch.shape[:2], -1))

    def as_wide_as_pictures(
        self, texts: Float[np.ndarray, "n joint_dim"]
    ) -> Float[np.ndarray, "n dim"]:
        """Repeat texts in the joint block of each look, with zeros in the other blocks."""
        missing = sum(self.look_blocks.values()) - texts.shape[1] if self.look_blocks else 0
        padded = np.pad(texts, ((0, 0), (0, missing)))
        return join_looks(np.repeat(padded[:, None], n_looks(self.zoom), axis=1))

    def encode_texts(self, names: Sequence[str]) -> Float32[np.ndarray, "n dim"]:
        """Encode class names to unit rows, or to rows of zeros if the encoder has no texts."""
        return np.zeros((len(names), self.dim), dtype=np.float32)

    @property
    def reads_texts(self) -> bool:
        """Whether names say anything; without texts, adapters are predicted from pictures alone."""
        return type(self).encode_texts is not ImageEncoder.encode_texts

    @property
    def dim(self) -> int:
        """The width D of the features."""
        return self.fingerprint.dim

    @property
    def blocks(self) -> tuple[int, ...]:
        """The widths of the blocks of a feature, look by look; () for a single block."""
        return look_widths(self.dim, self.zoom, tuple(self.look_blocks.values()))

    def encode_images(
        self,
        images: Iterable[ImageInput] | np.ndarray,
        *,
        views: int = 1,
        seed: int = 0,
        batch_size: int | None = None,
    ) -> Float32[np.ndarray, "n dim"]:
        """Encode pictures to one unit feature each, the same as in a feature store.

        Each view is rounded to float16 and back, as a store keeps it.

        Args:
            images: Paths, bytes of picture files, open pictures and uint8
                arrays (H, W[, 1, 3 or 4]), also mixed; or one array (n, H, W, 1, 3 or 4).
            views: The picture and `views` − 1 random crops are averaged into one feature.
            seed: The seed of the random crops.
            batch_size: The number of looks at a time, by default a fast one for the device.

        Raises:
            UnreadableImage: A picture cannot be read; `encode_rows` leaves such pictures out.
            UsageError: `images` is not a list of pictures, or an argument is out of range.
        """
        return encode_pictures(images, Pipeline(self, views, seed, batch_size, skips=False))[0]


@final
class ModelEncoder(ImageEncoder):
    """An encoder made of any PyTorch model of pictures, which is used and never trained.

    The model is put into evaluation mode, frozen and moved to its device.

    Args:
        name: The name of the encoder; after `--encoder FILE.py:FACTORY` it is FILE.py:FACTORY.
        model: Maps preprocessed pictures (n, 3, H, W) to features (n, D) of any scale.
        preprocess: Maps an upright RGB picture to a tensor (3, H, W).
        texts: The text features of classes in the space of the pictures: a function from a list of
            n names to an array (n, D), with the D of the model. It is also called with a sentence
            that is no name. If None, adapters are predicted from pictures only.
        logit_scale: The inverse temperature of a picture's cosine with a text; None if unknown.
        zoom: Encode the whole picture and its middle: better for most photographs, in twice the
            time. The features are then 2 D wide.
        device: "cpu", "cuda", "mps"; the fastest on this machine if None.

    Raises:
        UsageError: The output of the model is not (n, D), or there is no such device.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        preprocess: Callable[[Image.Image], Tensor],
        *,
        texts: Callable[[Sequence[str]], np.ndarray] | None = None,
        logit_scale: float | None = None,
        zoom: bool = True,
        device: str | None = None,
    ) -> None:
        self.name = name
        self.preprocess = preprocess
        self.zoom = zoom
        self.logit_scale = read_logit_scale(logit_scale)
        self.device = choose_device(device)
        digest = digest_weights(model)
        self._model = model.eval().requires_grad_(False).to(self.device)
        self._encode_names = texts
        picture = self.encode_looks(self.look(probe_picture())[None])[0]
        sentence = None if texts is None else self._texts([PROBE_SENTENCE], len(picture))[0]
        self.fingerprint = Fingerprint.of(name, picture, sentence, digest=digest)

    def encode_pixels(
        self, batch: Float[Tensor, "batch 3 height width"]
    ) -> Float32[Tensor, "batch look_dim"]:
        """Encode preprocessed pictures to unit rows on the CPU."""
        with torch.inference_mode():
            features = self._features(batch.to(self.device)).cpu()
        return features.clone()  # a tensor of inference mode cannot be trained on

    def image_network(self) -> nn.Module:
        """Return the model, followed by the scaling of its features to length 1."""
        return ImageNetwork(self._features, self._model)

    def _features(
        self, pixels: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch look_dim"]:
        features = self._model(pixels)
        if not isinstance(features, Tensor) or features.ndim != 2:
            shape = tuple(features.shape) if isinstance(features, Tensor) else type(features)
            raise UsageError(
                f"the model of the encoder {self.name!r} should give features (pictures, width), "
                f"got {shape}; with timm, num_classes=0 leaves out the classifier"
            )
        return normalize(features.float(), dim=-1)

    def encode_texts(self, names: Sequence[str]) -> Float32[np.ndarray, "n dim"]:
        """Encode class names to unit rows, or to rows of zeros if the encoder has no texts."""
        return self._texts(names, self.dim)

    @property
    def reads_texts(self) -> bool:
        """Whether the encoder was given texts."""
        return self._encode_names is not None

    def _texts(self, names: Sequence[str], dim: int) -> Float32[np.ndarray, "n dim"]:
        if self._encode_names is None or not len(names):
            return np.zeros((len(names), dim), dtype=np.float32)
        rows = np.asarray(self._encode_names(names), dtype=np.float32)
        expected = len(names), dim // n_looks(self.zoom)
        if rows.shape != expected:
            raise UsageError(
                f"the texts of the encoder {self.name!r} should be {expected}, as wide as the "
                f"features of its model; got {rows.shape}"
            )
        return self.as_wide_as_pictures(unit_rows(rows))
