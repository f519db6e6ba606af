"""Further sentences of a class beside its name, each trusted as far as pictures bear it out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int
from scipy.special import softmax

# Weights of the differences in agreement between a sentence and the name: of the class itself, and
# the mean over all classes that have sentences. Measured in docs/explanation/sentences.md.
OWN, SHARED = 10.0, 20.0
# What a sentence is behind the name before any picture is seen.
HEAD_START = 2.0


def weigh_sentences(
    names: Float[np.ndarray, "N D"],
    sentences: Mapping[int, Float[np.ndarray, "S D"]],
    rows: Float[np.ndarray, "n D"],
    numbers: Int[np.ndarray, " n"],
) -> Float[np.ndarray, "N D"]:
    """The texts of classes that have sentences beside their names, unit rows.

    A text agrees with its class by its cosine with the class's mean picture, less the mean cosine
    with those of the other classes, all centred on the task. The text of a class is the mean over
    its name, with weight 1, and its sentences, each with e to the power of: 10 times how much
    better it agrees than the name, plus 20 times the mean of that over all classes with sentences,
    less 2. For one sentence is weak evidence, and what those of all classes say together is strong.

    Args:
        names: The text of each class by its name, zeros where it has none.
        sentences: Class number → unit rows of its further sentences.
        rows: Unit rows of the pictures.
        numbers: The class number of each picture.
    """
    texts = names.copy()
    agreement = _Agreement(names, rows, numbers)
    gains = {
        number: agreement.of(number, those) - agreement.of(number, names[number][None])
        for number, those in sentences.items()
    }
    seen = [gain.mean() for number, gain in gains.items() if agreement.pictured[number]]
    shared = float(np.mean(seen)) if seen else 0.0
    for number, those in sentences.items():
        logits = OWN * gains[number] + SHARED * shared - HEAD_START
        weights = softmax(np.concatenate([[0.0], logits]))
        mixed = weights @ np.concatenate([names[number][None], those])
        texts[number] = mixed / max(float(np.linalg.norm(mixed)), np.finfo(np.float32).tiny)
    return texts


class _Agreement:
    """How well texts agree with the pictures of a class; 0 for a class without a picture."""

    def __init__(self, names: np.ndarray, rows: np.ndarray, numbers: np.ndarray) -> None:
        n_shots = np.bincount(numbers, minlength=len(names))
        self.pictured = n_shots > 0
        # Blocks of features without texts have no say.
        totals = np.zeros(names.shape)
        np.add.at(totals, numbers, rows * names.any(0))
        means = totals[self.pictured] / n_shots[self.pictured, None]
        self._means = np.zeros(names.shape)
        self._means[self.pictured] = _unit(means - means.mean(0)) if len(means) else means
        self._centre = names[names.any(1)].mean(0) if names.any() else 0.0

    def of(self, number: int, texts: Float[np.ndarray, "S D"]) -> Float[np.ndarray, " S"]:
        if not self.pictured[number]:
            return np.zeros(len(texts))
        cosines = _unit(texts - self._centre) @ self._means.T
        n_others = max(1, int(self.pictured.sum()) - 1)
        own: np.ndarray = cosines[:, number]
        agreement: np.ndarray = own - (cosines.sum(1) - own) / n_others
        return agreement


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = rows / np.maximum(lengths, 1e-12)
    return unit
