"""The measurements that a fingerprint is made of."""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import nn

__all__ = ["PROBE_SENTENCE", "digest_weights", "probe_picture", "summarise", "uses_quick_gelu"]

PROBE_SENTENCE = "a red fox and two herons beside a river in the snow."
PICTURE_SIZE = 256
BLOCKS = 8
N_SUMMARY = 16
# Training changes nearly every weight, so a sample of each tensor tells as much as all of it.
SAMPLES_PER_TENSOR = 1024


def digest_weights(model: nn.Module) -> str:
    """16 hexadecimal digits of the learned tensors; to be taken before they are rounded.

    Names and order play no part: they change between versions of open_clip.
    """
    digests = []
    for parameter in model.parameters():
        values = parameter.detach().flatten()
        sample = values[:: max(1, len(values) // SAMPLES_PER_TENSOR)].float().cpu().numpy()
        shape = str(tuple(parameter.shape)).encode()
        digests.append(hashlib.sha256(shape + sample.astype("<f4").tobytes()).digest())
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()[:16]


def probe_picture() -> Image.Image:
    """Coloured blocks: the same on every machine, whatever its random numbers and libraries."""
    colours = _fixed_bytes("picture", BLOCKS * BLOCKS * 3).reshape(BLOCKS, BLOCKS, 3)
    side = PICTURE_SIZE // BLOCKS
    return Image.fromarray(colours.repeat(side, axis=0).repeat(side, axis=1))


def summarise(features: Float[np.ndarray, " dim"]) -> tuple[float, ...]:
    """16 numbers of a unit feature, whose distances are near those of the features themselves.

    A random projection with fixed signs (Johnson and Lindenstrauss).
    """
    dim = len(features)
    bits = np.unpackbits(_fixed_bytes("signs", (N_SUMMARY * dim + 7) // 8), count=N_SUMMARY * dim)
    signs = 2.0 * bits.reshape(N_SUMMARY, dim) - 1.0
    projected = signs @ features.astype(np.float64) / np.sqrt(N_SUMMARY)
    return tuple(round(float(value), 5) for value in projected)


def uses_quick_gelu(model: nn.Module) -> bool:
    """Whether any layer of the model is open_clip's QuickGELU."""
    from open_clip.transformer import QuickGELU

    return any(isinstance(module, QuickGELU) for module in model.modules())


def _fixed_bytes(name: str, count: int) -> np.ndarray:
    return np.frombuffer(hashlib.shake_256(name.encode()).digest(count), dtype=np.uint8)
