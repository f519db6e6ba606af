"""Fingerprints of encoders, which keep the features of different encoders apart."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import nn

from metaadapter.errors import IncompatibleArtifact
from metaadapter.files.checksums import content_hash

# The distance at which unit features still match. bfloat16 moves features by 0.003 to 0.02, and
# another picture size, colour normalisation or number of attention heads by far more.
TOLERANCE = 0.1

PROBE_SENTENCE = "a red fox and two herons beside a river in the snow."
PICTURE_SIZE = 256
BLOCKS = 8
N_SUMMARY = 16


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The identity of an encoder.

    Two fingerprints match if width, activation and the hash of all weights are equal, and the
    features of a fixed picture and sentence agree within a tolerance, since precision, threads and
    processor change the last digits. These features detect other differences, such as another
    preprocessing. Names do not count: the same weights may come from a hub, a file or a folder.

    Attributes:
        quick_gelu: Whether the model has OpenAI's approximation of GELU. Weights that were trained
            with one activation give poor features with the other, without an error.
        digest: A hash of the weights, 16 hexadecimal digits in every precision; "" if unknown.
        probe: A summary of the features of a fixed picture, then of a fixed sentence (or zeros).
    """

    encoder: str
    weights: str
    dim: int
    quick_gelu: bool
    digest: str
    probe: tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.encoder} (weights {self.weights}, {self.digest})"

    @classmethod
    def of(
        cls,
        name: str,
        picture: Float[np.ndarray, " dim"],
        sentence: Float[np.ndarray, " dim"] | None = None,
        *,
        weights: str = "own",
        digest: str = "",
        quick_gelu: bool = False,
    ) -> Fingerprint:
        """Make the fingerprint of an encoder from its unit features of two probes.

        The probes are `probe_picture()` and `PROBE_SENTENCE`; `sentence` is None without texts.
        Without a digest from `digest_weights`, only these features distinguish two encoders.
        """
        probes = [feature for feature in (picture, sentence) if feature is not None]
        if not np.isfinite(np.concatenate(probes)).all():
            raise IncompatibleArtifact(
                f"the encoder {name} computes features that are NaN or infinite: its weights are "
                "damaged, or too large for the precision"
            )
        text = (0.0,) * N_SUMMARY if sentence is None else summarise(sentence)
        return cls(name, weights, len(picture), quick_gelu, digest, summarise(picture) + text)

    @classmethod
    def of_name(cls, name: str, dim: int) -> Fingerprint:
        """Make the fingerprint of an encoder of which only the name and the width are known."""
        digest = content_hash(name)[:16]
        return cls(name, "unknown", dim, False, digest, (0.0,) * (2 * N_SUMMARY))

    def require_match(self, other: Fingerprint, *, owner: str) -> None:
        """Raise `IncompatibleArtifact` unless `owner`, made with this encoder, suits the other."""
        if difference := self._difference(other):
            remedy = f"Use --encoder {self.encoder}, or make {owner} again with {other.encoder}"
            widths = sorted((self.dim, other.dim))
            if self.digest == other.digest and widths[1] == 2 * widths[0]:
                option = "zoom=yes" if self.dim > other.dim else "zoom=no"
                remedy = f"Only one encoder zooms into each picture: encode with {option} as well"
            elif self.encoder == other.encoder and self.dim != other.dim:
                remedy = "The blocks or looks differ: encode with the same blocks and zoom"
            elif self.encoder == other.encoder:
                remedy = (
                    f"The files of {self.encoder} are damaged or were replaced: restore them from "
                    f"a copy. Only if you replaced them on purpose, make {owner} again"
                )
            raise IncompatibleArtifact(
                f"{owner} was made with the encoder {self} and is now used with the encoder "
                f"{other}: {difference}, so their features cannot be compared. {remedy}"
            )

    def matches(self, other: Fingerprint) -> bool:
        """Return whether artifacts made with one encoder may be used with the other."""
        return self._difference(other) is None

    def _difference(self, other: Fingerprint) -> str | None:
        if self.dim != other.dim:
            return f"the features are {self.dim} and {other.dim} wide"
        if self.quick_gelu != other.quick_gelu:
            activations = ("QuickGELU", "GELU") if self.quick_gelu else ("GELU", "QuickGELU")
            return f"the activations are {' and '.join(activations)}"
        if self.digest != other.digest:
            return "the weights differ"
        if len(self.probe) == len(other.probe):
            apart = np.subtract(self.probe, other.probe).reshape(2, -1)  # picture, sentence
            if np.linalg.norm(apart, axis=1).max() <= TOLERANCE:
                return None
        return "the weights are the same, but the preprocessing or the architecture differs"


def digest_weights(*models: nn.Module) -> str:
    """Return a hash (16 hexadecimal digits) of all weights, whatever their names and order."""
    digests = []
    for tensor in (tensor for model in models for tensor in model.state_dict().values()):
        # Whole numbers are counters and positions, which the features do not depend on.
        if tensor.is_floating_point():
            values = tensor.detach().flatten().float().cpu().numpy().astype("<f4", copy=False)
            digest = hashlib.sha256(str(tuple(tensor.shape)).encode())
            digest.update(values.tobytes())
            digests.append(digest.digest())
    # Names and order change between versions of open_clip.
    return content_hash(b"".join(sorted(digests)))[:16]


def probe_picture() -> Image.Image:
    """Return coloured squares, equal on every machine and with every version of the libraries."""
    colours = _fixed_bytes("picture", BLOCKS * BLOCKS * 3).reshape(BLOCKS, BLOCKS, 3)
    side = PICTURE_SIZE // BLOCKS
    return Image.fromarray(colours.repeat(side, axis=0).repeat(side, axis=1))


def summarise(features: Float[np.ndarray, " dim"]) -> tuple[float, ...]:
    """Project a unit feature to 16 numbers by fixed random signs (Johnson and Lindenstrauss)."""
    dim = len(features)
    bits = np.unpackbits(_fixed_bytes("signs", (N_SUMMARY * dim + 7) // 8), count=N_SUMMARY * dim)
    signs = 2.0 * bits.reshape(N_SUMMARY, dim) - 1.0
    projected = signs @ features.astype(np.float64) / np.sqrt(N_SUMMARY)
    return tuple(round(float(value), 5) for value in projected)


def uses_quick_gelu(model: nn.Module) -> bool:
    """Return whether any layer of the model is open_clip's QuickGELU."""
    from open_clip.transformer import QuickGELU

    return any(isinstance(module, QuickGELU) for module in model.modules())


def _fixed_bytes(name: str, count: int) -> np.ndarray:
    return np.frombuffer(hashlib.shake_256(name.encode()).digest(count), dtype=np.uint8)
