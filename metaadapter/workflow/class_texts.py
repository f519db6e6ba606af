"""The texts of classes: names, sentences or vectors, as rows of an encoder's text tower."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from scipy.special import softmax

from metaadapter.adapter.support import Support
from metaadapter.errors import UsageError
from metaadapter.features.prompts import readable_name
from metaadapter.workflow.given_arrays import as_array, moderate_rows

# Weights of the differences in agreement between a sentence and the name: of the class itself, and
# the mean over all classes that have sentences. Measured in docs/explanation/sentences.md.
OF_CLASS, OF_ALL = 10.0, 20.0
# The head start of the name over a sentence, before any picture is seen.
HEAD_START = 2.0


def text_features(
    class_texts: Mapping[Any, Any] | None, classes: Sequence[Hashable], width: int, encoder: Any
) -> Float32[np.ndarray, "N D"]:
    """(N, D) text features of `classes`: unit rows, zeros where a class has no text.

    Texts are vectors of the encoder's text tower, or names for the encoder to read, "red_fox" as
    "red fox"; of a name with sentences only the name is read. `width` is that of the pictures.
    """
    rows = np.zeros((len(classes), width), dtype=np.float32)
    named = {label: _name(text) for label, text in (class_texts or {}).items()}
    names = {label: readable_name(text) for label, text in named.items() if isinstance(text, str)}
    if names and encoder is None:
        label, name = next(iter(names.items()))
        raise UsageError(
            f"the text of class {label!r} is the name {name!r}, which needs an encoder to read it: "
            "pass encoder=FrozenEncoder.load(…), or a vector from its encode_texts"
        )
    if names:
        encoded = encoder.encode_texts(list(names.values()))
        rows_of_names = zip(names, encoded, strict=True)
        # An encoder without a text tower returns rows of zeros.
        named |= {label: row if row.any() else None for label, row in rows_of_names}
    for row, label in enumerate(classes):
        if named.get(label) is not None:
            rows[row] = _unit_vector(named[label], label, width)
    return rows


def sentence_features(
    class_texts: Mapping[Any, Any] | None, classes: Sequence[Hashable], encoder: Any
) -> dict[int, Float32[np.ndarray, "S D"]]:
    """Class number → unit rows of the sentences that follow a name in `class_texts`."""
    rows = {
        number: encoder.encode_texts([readable_name(sentence) for sentence in sentences])
        for number, sentences in enumerate(descriptions(class_texts, classes) or [])
        if sentences
    }
    return {number: encoded for number, encoded in rows.items() if encoded.any()}


def text_of_new_class(
    support: Support,
    class_texts: Mapping[Any, Any],
    label: Hashable,
    rows: Float32[torch.Tensor, "n D"],
    encoder: Any,
) -> Float32[torch.Tensor, " D"]:
    """The text of a class that is new to `support`, its sentences weighed among all classes."""
    name = text_features(class_texts, [label], rows.shape[1], encoder)
    sentences = sentence_features(class_texts, [label], encoder)
    if sentences:
        old_rows, old_numbers = support.labelled_rows()
        n_old = support.n_way
        numbers = torch.cat([old_numbers, torch.full((len(rows),), n_old)])
        name = weigh_sentences(
            np.concatenate([support.text_TND[0].numpy(), name]),
            {n_old: sentences[0]},
            torch.cat([old_rows, rows]).numpy(),
            numbers.numpy(),
        )
    return torch.from_numpy(name[-1].astype(np.float32))


def is_described(text: Any) -> bool:
    """Whether the text of a class is a list of a name and sentences."""
    is_list = isinstance(text, list | tuple) and len(text) > 0
    return is_list and all(isinstance(part, str) for part in text)


def descriptions(
    class_texts: Mapping[Any, Any] | None, classes: Sequence[Hashable]
) -> list[list[str]] | None:
    """The sentences of each class; `None` if no class has any."""
    texts = [(class_texts or {}).get(label) for label in classes]
    sentences = [[*text][1:] if text is not None and is_described(text) else [] for text in texts]
    return sentences if any(sentences) else None


def text_names(
    class_texts: Mapping[Any, Any] | None, classes: Sequence[Hashable]
) -> list[str] | None:
    """The name of each class as the encoder reads it, or ""; `None` if no class has one."""
    texts = [_name((class_texts or {}).get(label)) for label in classes]
    names = [readable_name(text) if isinstance(text, str) else "" for text in texts]
    return names if any(names) else None


def weigh_sentences(
    names: Float[np.ndarray, "N D"],
    sentences: Mapping[int, Float[np.ndarray, "S D"]],
    rows: Float[np.ndarray, "n D"],
    numbers: Int[np.ndarray, " n"],
) -> Float[np.ndarray, "N D"]:
    """The texts of classes, as means of their names and sentences: unit rows.

    The agreement of a text is its cosine with the mean picture of its class, less its mean cosine
    with those of the other classes, all centred on the task. The gain of a sentence is its
    agreement less that of the name. A text is the weighted mean of the name, with weight 1, and the
    sentences, each with weight exp(10 · gain + 20 · mean gain over all classes with sentences − 2).
    One sentence is weak evidence; those of all classes together are strong evidence.
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
        weights = softmax(np.concatenate([[0.0], logits]))
        mixed = weights @ np.concatenate([names[number][None], texts_SD])
        texts[number] = mixed / max(float(np.linalg.norm(mixed)), np.finfo(np.float32).tiny)
    return texts


def _name(text: Any) -> Any:
    return text[0] if is_described(text) else text


def _unit_vector(text: Any, label: Hashable, width: int) -> np.ndarray:
    vector = np.asarray(as_array(text), dtype=np.float64)
    if vector.shape != (width,):
        raise UsageError(
            f"the text of class {label!r} has shape {vector.shape}, the pictures' features are "
            f"{width} wide: texts and pictures must come from the same encoder"
        )
    if not np.isfinite(vector).all() or not vector.any():
        raise UsageError(f"the text of class {label!r} is zero or not finite; encode it again")
    vector = moderate_rows(vector)
    unit: np.ndarray = vector / np.linalg.norm(vector)
    return unit


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
