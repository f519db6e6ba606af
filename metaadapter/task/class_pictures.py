"""The pictures of one class that is added to an adapter."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from metaadapter.atomic_files import change_folder
from metaadapter.classifier import MetaAdapterClassifier
from metaadapter.errors import DataError
from metaadapter.features import EncodedPictures
from metaadapter.images import UnreadableImage

__all__ = ["ClassPictures", "replace_adapter"]


@dataclass(frozen=True, slots=True, eq=False)
class ClassPictures:
    """Features of the pictures, and what was noticed on the way."""

    features: Float[np.ndarray, "n D"] | None
    """`None` without pictures."""
    paths: tuple[str, ...]
    sha256: tuple[str, ...]
    warnings: tuple[str, ...]
    quarantined: tuple[UnreadableImage, ...]

    @classmethod
    def of_parts(cls, parts: Iterable[EncodedPictures]) -> ClassPictures:
        """Put together what `read_queries` yields."""
        parts = list(parts)
        return cls(
            np.concatenate([part.features for part in parts]) if parts else None,
            tuple(path for part in parts for path in part.paths),
            tuple(sha256 for part in parts for sha256 in part.sha256),
            tuple(warning for part in parts for warning in part.warnings),
            tuple(picture for part in parts for picture in part.quarantined),
        )

    def among(self, known: Collection[str]) -> list[str]:
        """The paths of pictures whose SHA-256 is known."""
        return [
            path for path, sha256 in zip(self.paths, self.sha256, strict=True) if sha256 in known
        ]


def replace_adapter(folder: Path, classifier: MetaAdapterClassifier) -> None:
    """Save an adapter in the place of the one in `folder`, as a whole or not at all.

    Raises:
        DataError: the folder cannot be replaced.
    """
    try:
        change_folder(folder, classifier.save)
    except OSError as error:
        raise DataError(
            f"cannot replace the adapter {folder}: {error.strerror}; write another with --out"
        ) from error
