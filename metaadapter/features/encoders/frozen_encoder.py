"""The frozen encoder: a published model that turns pictures and class names into features."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.nn.functional import normalize

from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.features.blocks import (
    block_lengths,
    choose_blocks,
    join_blocks,
    joint_length,
    tower_blocks,
)
from metaadapter.features.device import Precision, choose_device, require_precision
from metaadapter.features.encoders.build_encoder import build_model
from metaadapter.features.encoders.encoder_model import EncoderModel
from metaadapter.features.encoders.encoder_source import (
    EMBEDDED,
    SEPARATOR,
    EncoderSource,
    resolve_encoder,
)
from metaadapter.features.fingerprint import (
    PROBE_SENTENCE,
    Fingerprint,
    digest_weights,
    probe_picture,
    uses_quick_gelu,
)
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.logit_scale import LARGEST
from metaadapter.features.networks import ImageNetwork, fold_batch_norms, shared_copy
from metaadapter.features.prompts import mean_over_templates, require_names, resolve_templates
from metaadapter.features.whitening import read_whitening
from metaadapter.files.checksums import content_hash

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# The best templates for each encoder in the package; `tiny` was trained with these two.
DEFAULT_TEMPLATES = dict.fromkeys(EMBEDDED, ("{}", "a photo of a {}."))


@final
class FrozenEncoder(ImageEncoder):
    """A published model that is used and never trained; see `load`.

    It has the attributes of every `ImageEncoder`. Its features are float32 in every precision, and
    `encode_texts` averages over its templates. A model without a text tower has no `logit_scale`,
    and its texts are rows of zeros.

    Attributes:
        weights: The tag or the file name of the weights.
        mark: Identifies the change of an `adapted` encoder; "" for an unchanged one.
        base: The unchanged encoder of an `adapted` one; None for an unchanged one.
        parts: The parts of an adapter that lie in the towers and are saved with it, or None.
        network: The model with its towers, frozen; it must not be changed.
        tokenize: Maps n sentences to their token numbers (n, length); `UsageError` without texts.
    """

    mark: str = ""
    base: FrozenEncoder | None = None
    parts: object = None
    network: Any
    tokenize: Callable[[list[str]], Tensor]

    def __init__(
        self,
        model: EncoderModel,
        source: EncoderSource,
        *,
        device: str | None = "cpu",
        precision: Precision = "fp32",
        templates: str | Sequence[str] = "simple",
        zoom: bool = True,
        blocks: Sequence[str] | None = None,
    ) -> None:
        self.name = source.name
        self.weights = source.weights
        self.device = choose_device(device)
        self.precision = precision
        require_precision(precision, self.device)
        self.templates = resolve_templates(templates)
        self.preprocess = model.preprocess
        self.zoom = zoom
        # The whitening was measured at the encoder's own picture size.
        self._whitening = read_whitening(None if source.image_size else source.folder)
        has_second = model.second is not None
        chosen = choose_blocks(blocks, self._whitening, second=has_second, encoder=self.name)
        self._lengths = block_lengths(chosen, self._whitening)
        # Temperature and digest are computed before a lower precision rounds the weights.
        if model.network.logit_scale is not None:
            temperature = float(model.network.logit_scale.detach().exp())
            if not 0 < temperature < LARGEST:
                raise IncompatibleArtifact(
                    f"{source.files} of the encoder {self.name} are damaged: expected a "
                    f"positive finite temperature, got {temperature}; restore them from a copy"
                )
            self.logit_scale = temperature / joint_length(self._lengths)
        if model.second is not None:
            digest = digest_weights(model.network, model.second)
        else:
            digest = model.digest or digest_weights(model.network)
        self._has_texts = model.tokenize is not None
        self.tokenize = model.tokenize or self._refuse_texts
        self.network = model.network.eval().requires_grad_(False)
        probe = self.preprocess(probe_picture())[None]
        if isinstance(getattr(self.network, "visual", None), nn.Module):
            self.network.visual = fold_batch_norms(self.network.visual, probe)
        networks = [self.network]
        if model.second is not None:
            self._second = fold_batch_norms(model.second.requires_grad_(False), probe)
            networks.append(self._second)
        for network in networks:
            if precision != "fp32":
                from open_clip import convert_weights_to_lp

                # Autocast would round the weights at each call: five times slower for a few
                # pictures on a CPU.
                convert_weights_to_lp(network, DTYPES[precision])
            # In this layout convolutions take up to a quarter less time on a CPU.
            network.to(self.device, memory_format=torch.channels_last)
        self.look_blocks = self._block_widths()
        self.fingerprint = self._fingerprint(digest)

    @classmethod
    def load(
        cls,
        name: str = "tiny",
        *,
        device: str | None = None,
        precision: Precision = "fp32",
        templates: str | Sequence[str] | None = None,
        zoom: bool = True,
        blocks: Sequence[str] | None = None,
    ) -> FrozenEncoder:
        """Load an encoder with its weights.

        Args:
            name: "tiny", which is in the package; "tiny-128", the same at 128 instead of 224
                pixels, 2.6 times as fast; "MODEL/TAG" of open_clip, from the hub or its cache;
                "hf-hub:ORGANISATION/MODEL" or "hf-hub:ORGANISATION/MODEL@REVISION", a model of
                open_clip, transformers or timm on the hub; a folder with such a model; or
                "timm:MODEL". "+timm:" and a model of timm, or a folder with one, adds a second
                image tower, as in "tiny+timm:vit_small_patch14_dinov2.lvd142m".
            device: "cpu", "cuda", "mps"; the fastest on this machine if None or "auto".
            precision: "fp32", "bf16", or on a GPU "fp16".
            templates: "simple", "openai-imagenet", or your own, each with one `{}`; in a list they
                add up. Those that suit the encoder if None or "default".
            zoom: Encode the whole picture and its middle; False takes half the time and memory.
            blocks: The blocks of features in a row: "joint", the feature in the space of texts,
                which is required; "trunk", the feature before its projection; "stages", statistics
                of four stages of the tower; and "second", the second tower. By default "joint",
                "second" if there is one, and those with a whitening ("stages" for `tiny`).

        Raises:
            UsageError: The encoder, device, precision, templates or blocks do not exist.
            DataError: The weights are not on this machine and cannot be downloaded, or a file of
                `tiny` or of another folder with a proof is damaged.
            IncompatibleArtifact: The weights do not fit the architecture.
        """
        require_precision(precision, choose_device(device))
        source = resolve_encoder(name)
        own = DEFAULT_TEMPLATES.get(source.name.partition(SEPARATOR)[0], "simple")
        return cls(
            build_model(source),
            source,
            device=device,
            precision=precision,
            templates=resolve_templates(templates, own),
            zoom=zoom,
            blocks=blocks,
        )

    def adapted(self, change: Callable[[nn.Module], object], mark: str) -> FrozenEncoder:
        """Return an encoder with a changed `shared_copy` of the network; this one stays as it is.

        Args:
            change: Called with the copy, to which it may add hooks, modules and tensors; it must
                not write into the shared tensors.
            mark: Identifies the change, such as a hash of what was added: features of encoders with
                different marks never mix.
        """
        changed = copy.copy(self)
        changed.base, changed.parts, changed.network = self, None, shared_copy(self.network)
        change(changed.network)
        changed.network.eval().to(self.device)
        digest = content_hash(f"{self.fingerprint.digest} {mark}")[:16]
        changed.mark, changed.weights = mark, f"{self.weights}, adapted inside"
        changed.fingerprint = changed._fingerprint(digest)
        return changed

    def encode_pixels(
        self, batch: Float[Tensor, "batch 3 height width"]
    ) -> Float32[Tensor, "batch look_dim"]:
        """Encode preprocessed pictures, one look each; the unit rows are on the CPU."""
        with torch.inference_mode(), self._autocast():
            pixels = batch.to(self.device, memory_format=torch.channels_last)
            features = self._features(pixels).cpu()
        return features.clone()  # a tensor of inference mode cannot be trained on

    def image_network(self) -> nn.Module:
        """Return the image towers and the calculation of blocks as one module; no text tower."""
        towers = [self.network.visual, *([self._second] if "second" in self._lengths else [])]
        return ImageNetwork(self._features, *towers)

    @property
    def reads_texts(self) -> bool:
        """Whether the model has a text tower."""
        return self._has_texts

    def encode_texts(self, names: Sequence[str]) -> Float32[np.ndarray, "n dim"]:
        """Encode names such as "red fox": the mean over all templates, scaled to length 1.

        Raises:
            UsageError: `names` is not a list, or a name is empty.
        """
        require_names(names)
        if not names or not self.reads_texts:
            return np.zeros((len(names), self.dim), dtype=np.float32)
        rows = mean_over_templates(names, self.templates, self._encode_sentences)
        return self.as_wide_as_pictures(rows.numpy())

    def _fingerprint(self, digest: str) -> Fingerprint:
        picture = self.encode_looks(self.look(probe_picture())[None])[0]
        sentence = None
        if self.reads_texts:
            rows = self._encode_sentences([PROBE_SENTENCE]).numpy()
            sentence = self.as_wide_as_pictures(rows)[0]
        is_quick = uses_quick_gelu(self.network)
        return Fingerprint.of(
            self.name, picture, sentence, weights=self.weights, digest=digest, quick_gelu=is_quick
        )

    def _encode_sentences(self, sentences: list[str]) -> Float32[Tensor, "n dim"]:
        with torch.inference_mode(), self._autocast():
            features = self.network.encode_text(self.tokenize(sentences).to(self.device))
        return normalize(features.float(), dim=-1).cpu()

    def _refuse_texts(self, _sentences: list[str]) -> Tensor:
        raise UsageError(
            f"the encoder {self.name} has no text tower, so it reads no texts; name an encoder "
            "with one, such as tiny"
        )

    def _features(self, pixels: Tensor) -> Tensor:
        if not self.look_blocks:
            return normalize(self.network.encode_image(pixels).float(), dim=-1)
        raw = self._raw_blocks(pixels)
        blocks = {name: self._whitening.get(name, normalize)(raw[name]) for name in self._lengths}
        return join_blocks(blocks, self._lengths)

    def _raw_blocks(self, pixels: Tensor) -> dict[str, Tensor]:
        if self._lengths.keys() <= {"joint", "second"}:
            blocks = {"joint": self.network.encode_image(pixels)}
        else:
            blocks = tower_blocks(self.network.visual, pixels)
        if "second" in self._lengths:
            blocks["second"] = self._second(pixels)
        return blocks

    def _block_widths(self) -> dict[str, int]:
        if len(self._lengths) == 1:
            return {}
        probe = self.preprocess(probe_picture())[None].to(self.device)
        with torch.inference_mode(), self._autocast():
            blocks = self._raw_blocks(probe)
        widths = {name: blocks[name].shape[1] for name in self._lengths}
        for name in widths.keys() & self._whitening.keys():
            self._whitening[name].require_width(widths[name], owner=self.name)
        return widths

    def _autocast(self) -> torch.autocast:
        exact = self.precision == "fp32"
        return torch.autocast(self.device.type, DTYPES[self.precision], enabled=not exact)
