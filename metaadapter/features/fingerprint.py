"""What an encoder computes, in a few numbers, so that features of two encoders never mix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from metaadapter.errors import IncompatibleArtifact

__all__ = ["Fingerprint"]

# Distance between unit features. bfloat16 moves them by 0.003 to 0.02; another picture size,
# colour normalisation or number of attention heads by far more.
TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Identity of an encoder.

    Two fingerprints match if width, activation and weights are the same and the features of a
    fixed picture and sentence agree. The weights are compared exactly. The features are compared
    with a tolerance and not by a hash, since precision, threads and processor move the last
    digits; they tell what the weights cannot, such as another preprocessing. Names play no part:
    the same weights may come from a hub, a file or a folder.

    Attributes:
        encoder: The name that `FrozenEncoder.load` takes.
        weights: Tag or file name of the weights, for people to read.
        dim: Width of the features.
        quick_gelu: Whether the model has OpenAI's approximation of GELU. Weights trained with one
            activation run without complaint, and badly, with the other.
        digest: Of the weights, 16 hexadecimal digits, the same for each precision.
        probe: Summary of the features of a fixed picture, then of a fixed sentence.
    """

    encoder: str
    weights: str
    dim: int
    quick_gelu: bool
    digest: str
    probe: tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.encoder} (weights {self.weights}, {self.digest})"

    def matches(self, other: Fingerprint) -> bool:
        """Whether features of the two encoders can be compared."""
        return self._difference(other) is None

    def require_match(self, other: Fingerprint, *, owner: str) -> None:
        """Check that what was made with this encoder may be used with the other.

        Args:
            other: Of the encoder in hand.
            owner: What was made with this encoder, as in "the adapter birds/".

        Raises:
            IncompatibleArtifact: They differ; the message names both and what to do.
        """
        difference = self._difference(other)
        if difference is not None:
            raise IncompatibleArtifact(
                f"{owner} was made with the encoder {self} and is now used with the encoder "
                f"{other}: {difference}, so their features cannot be compared. "
                f"Use --encoder {self.encoder}, or make it anew with {other.encoder}"
            )

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self) | {"probe": list(self.probe)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Fingerprint:
        """Read the JSON form; unknown keys are ignored.

        Raises:
            IncompatibleArtifact: A key is missing or its value is of another kind.
        """
        missing = [field.name for field in fields(cls) if field.name not in values]
        if missing:
            raise IncompatibleArtifact(
                f"an encoder's fingerprint lacks {', '.join(missing)}; the file it is in is "
                "damaged or was written by another version: make it anew"
            )
        try:
            return cls(
                encoder=str(values["encoder"]),
                weights=str(values["weights"]),
                dim=int(values["dim"]),
                quick_gelu=bool(values["quick_gelu"]),
                digest=str(values["digest"]),
                probe=tuple(float(value) for value in values["probe"]),
            )
        except (TypeError, ValueError) as error:
            raise IncompatibleArtifact(
                f"an encoder's fingerprint cannot be read ({error}); the file it is in is "
                "damaged: make it anew"
            ) from error

    def _difference(self, other: Fingerprint) -> str | None:
        if self.dim != other.dim:
            return f"features of width {self.dim} against {other.dim}"
        if self.quick_gelu != other.quick_gelu:
            return f"the activation is {_activation(self)} against {_activation(other)}"
        if self.digest != other.digest:
            return "the weights differ"
        if not _probes_agree(self.probe, other.probe):
            return "the weights are the same, but the preprocessing or the architecture differs"
        return None


def _activation(fingerprint: Fingerprint) -> str:
    return "QuickGELU" if fingerprint.quick_gelu else "GELU"


def _probes_agree(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    if len(one) != len(other):
        return False
    difference = np.subtract(one, other).reshape(2, -1)  # picture, sentence
    return bool(np.linalg.norm(difference, axis=1).max() <= TOLERANCE)
