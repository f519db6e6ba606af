"""The weights of names and sentences in the texts of classes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

# The factors on a sentence's gain in agreement over the name: on its own gain, and on the mean gain
# over all classes that have sentences. Measured in docs/explanation/sentences.md.
OF_CLASS, OF_ALL = 10.0, 20.0
# The advantage of the name over a sentence in the softmax, before any picture is seen.
HEAD_START = 2.0


def weigh_sentences(
    names: Float[np.ndarray, "N D"],
    sentences: Mapping[int, Float[np.ndarray, "S D"]],
    rows: Float[np.ndarray, "n D"],
    numbers: Int[np.ndarray, " n"],
) -> Float[np.ndarray, "N D"]:
    """Return the texts of classes: weighted means of names and sentences, as unit rows.

    The agreement of a text is its cosine with the mean picture of its class, minus its mean cosine
    with the mean pictures of the other classes, all centred on the task. The gain of a sentence is
    its agreement minus that of the name. In the mean, the name has weight 1, and a sentence has
    weight exp(10 · gain + 20 · mean gain over all classes with sentences − 2): one sentence is weak
    evidence, but the sentences of all classes together are strong evidence.
    """
    texts = names.copy()
    agreement = _Agreement(names, rows, numbers)
    gains = {
        number: agreement.of(number, texts_SD) - agreement.of(number, names[number][None])
        for number, texts_SD in sentences.items()
    }
    measured = [gain.mean() for number, gain in gains.items() if agreement.pictured[number]]
    shared = float(np.mean(measured)) if measured else 0.0
    for number, texts_SD in sentences.items():
        logits = OF_CLASS * gains[number] + OF_ALL * shared - HEAD_START
        weights = np.exp(np.concatenate([[0.0], logits]) - max(0.0, logits.max()))
        weights /= weights.sum()
        mixed = weights @ np.concatenate([names[number][None], texts_SD])
        texts[number] = mixed / max(float(np.linalg.norm(mixed)), np.finfo(np.float32).tiny)
    return texts


class _Agreement:
    """The agreement of texts with the pictures of a class; 0 for a class without a picture."""

    def __init__(self, names: np.ndarray, rows: np.ndarray, numbers: np.ndarray) -> None:
        n_shots = np.bincount(numbers, minlength=len(names))
        self.pictured = n_shots > 0
        # Blocks of features without texts do not count.
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
        with_class: np.ndarray = cosines[:, number]
        agreement: np.ndarray = with_class - (cosines.sum(1) - with_class) / n_others
        return agreement


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = rows / np.maximum(lengths, 1e-12)
    return unit
