"""The support of a task from labelled features and the names of its classes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64

from metaadapter.adapter.support import Support
from metaadapter.errors import UsageError
from metaadapter.features.prompts import readable_name
from metaadapter.features.towers.prompted_encoder import PromptedEncoder
from metaadapter.workflow.sentences import weigh_sentences

if TYPE_CHECKING:
    from metaadapter.features.image_encoder import ImageEncoder

# Below it PyTorch does not scale a row to length 1; above, its sum of squares overflows.
SMALL, LARGE = 1e-6, 1e100


def labelled_support(
    X: Float[np.ndarray, "n D"],
    labels: Sequence[Any],
    classes: Sequence[Any],
    class_texts: Mapping[Any, Any] | None,
    encoder: ImageEncoder | None,
    *,
    logit_scale: float | None = None,
    views: Float32[torch.Tensor, "n V D"] | None = None,
    blocks: Sequence[int] = (),
) -> Support:
    """The support in float32, its classes in the order of `classes`, with pictures or without.

    Args:
        X: (n, D) features of any length.
        labels: The label of each row.
        classes: The distinct labels.
        class_texts: As for `text_features`.
        encoder: The encoder that reads names.
        logit_scale: The encoder's inverse temperature, if it is known.
        views: (n, V, D) unit rows of the views of each picture.
        blocks: The widths of the blocks of features; those of the encoder by default.

    Raises:
        UsageError: A class has neither a picture nor a text, or a text cannot be used.
    """
    number_of = {label: number for number, label in enumerate(classes)}
    numbers = torch.tensor([number_of[label] for label in labels], dtype=torch.long)
    rows = unit_rows(X)
    n_shots = np.bincount(numbers, minlength=len(classes))
    texts = text_features(class_texts, classes, X.shape[1], encoder)
    if isinstance(encoder, PromptedEncoder):  # a prompt is for classes without a picture
        plain = text_features(class_texts, classes, X.shape[1], encoder.base)
        texts = np.where(n_shots[:, None] > 0, plain, texts)
    sentences = sentence_features(class_texts, classes, encoder)
    if sentences:
        texts = weigh_sentences(texts, sentences, rows.numpy(), numbers.numpy()).astype(np.float32)
    unknown = np.flatnonzero((n_shots == 0) & ~texts.any(1))
    if len(unknown):
        raise UsageError(
            f"the class {classes[unknown[0]]!r} has no picture, and the encoder reads no texts; "
            "give it a picture, or leave it out"
        )
    blocks = tuple(blocks or getattr(encoder, "blocks", ()))
    if blocks and sum(blocks) != X.shape[1]:
        raise UsageError(
            f"the widths of the blocks {blocks} must add up to {X.shape[1]}, the width of the "
            "features; give those of the encoder or store that the features come from"
        )
    return Support.of_rows(
        rows,
        numbers,
        torch.from_numpy(texts),
        logit_scale=logit_scale,
        views=views,
        blocks=blocks,
    )


def as_array(values: Any) -> Any:
    """A tensor as an array, whatever its device and type; other values unchanged."""
    if not isinstance(values, torch.Tensor):
        return values
    plain = values.detach().cpu()
    return (plain.float() if plain.dtype is torch.bfloat16 else plain).numpy()


def moderate_rows(X: Any) -> Float64[np.ndarray, "*rows D"]:
    """Rows of the same direction, whose lengths neither vanish nor overflow."""
    rows = np.array(X, dtype=np.float64)
    largest = np.maximum(rows.max(-1, initial=0.0), -rows.min(-1, initial=0.0))[..., None]
    if ((largest == 0) | (largest > SMALL) & (largest < LARGE)).all():
        return rows
    # A power of two changes no digit.
    moderate: np.ndarray = np.ldexp(rows, -np.frexp(largest)[1])
    return moderate


def unit_rows(X: Float[np.ndarray, "n *V D"]) -> Float32[torch.Tensor, "n *V D"]:
    """The rows scaled to length 1; a row of zeros stays."""
    rows = torch.from_numpy(moderate_rows(X))
    return torch.nn.functional.normalize(rows, dim=-1).float()


def text_features(
    class_texts: Mapping[Any, Any] | None, classes: Sequence[Hashable], width: int, encoder: Any
) -> Float32[np.ndarray, "N D"]:
    """The text features in the order of `classes`: unit rows, zeros where a class has no text.

    Texts are vectors of the encoder's text tower, or names for the encoder to read, "red_fox" as
    "red fox"; of a name with sentences only the name is read. `width` is that of the pictures.

    Raises:
        UsageError: A name is given without an encoder, or a vector cannot be used.
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
    """The text of a class that is new to `support`, its sentences weighed among all classes.

    `rows` are unit rows of its pictures; `class_texts` and errors are as for `text_features`.
    """
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


def _name(text: Any) -> Any:
    return text[0] if is_described(text) else text


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


def require_shared_labels(
    class_texts: Mapping[Any, Any] | None, labels: Sequence[Any]
) -> list[Any]:
    """The labels of `class_texts`.

    Raises:
        UsageError: No label is one of y, which is a slip of spelling or type; or some labels are
            text and some are numbers.
    """
    named = list(class_texts or {})
    if named and labels and not set(named) & set(labels):
        raise UsageError(
            f"class_texts names {_some(named)}, and the labels in y are "
            f"{_some(sorted(set(labels)))}; its keys must be labels of y"
        )
    require_one_kind([*labels, *named])
    return named


def require_one_kind(labels: Sequence[Any]) -> None:
    """Raise a `UsageError` unless labels are all text or all numbers, and can be sorted."""
    texts = [label for label in labels if isinstance(label, str)]
    if texts and len(texts) < len(labels):
        other = next(label for label in labels if not isinstance(label, str))
        raise UsageError(
            f"labels must be all text or all numbers, got {texts[0]!r} beside {other!r}; write "
            f"{str(other)!r} if it is a name"
        )


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


def _some(labels: Sequence[Hashable]) -> str:
    shown = [repr(label) for label in labels[:5]]
    return ", ".join(shown) + (", …" if len(labels) > 5 else "")
