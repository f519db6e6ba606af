"""The texts of classes: names and sentences from a user, encoded as rows by the text tower."""

from __future__ import annotations

import difflib
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Float32

from metaadapter.adapter.support import Support
from metaadapter.adapter.unit_rows import as_array
from metaadapter.data.class_names import require_new_spelling
from metaadapter.errors import UsageError
from metaadapter.features.prompts import readable_name
from metaadapter.files.regular_files import given_texts
from metaadapter.workflow.sentence_weights import weigh_sentences

Texts: TypeAlias = Mapping[str, str | list[str]]
"""Label → name, or [name, sentence, …]."""
# Names that nobody chose: "3", "class_07", "New folder (2)".
PLACEHOLDER = re.compile(
    r"((class|category|label|group|folder|new folder|untitled)?[\W_]*\d*\W*)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ClassNames:
    """Names and sentences for classes whose labels do not say enough."""

    texts: Mapping[str, str] = field(default_factory=dict)
    """Label → name, for classes with pictures."""
    added: Mapping[str, str] = field(default_factory=dict)
    """Label → name, for classes without pictures."""
    sentences: Mapping[str, Sequence[str] | str] = field(default_factory=dict)

    @classmethod
    def parsed(
        cls, texts: Iterable[str], added: Iterable[str], described: Iterable[str]
    ) -> ClassNames:
        """Parse --text LABEL=NAME, --names LABEL[=NAME] and --describe LABEL=SENTENCE."""
        new: dict[str, str] = {}
        for label, name in (_parse(text, option="--names") for text in added):
            if label in new:
                raise _exists_already(label)
            new[label] = name or label
        sentences: dict[str, list[str]] = {}
        for label, sentence in (_parse(text, option="--describe") for text in described):
            sentences.setdefault(label, []).append(sentence)
        names: dict[str, str] = {}
        for label, name in (_parse(text, option="--text") for text in texts):
            if label in names:
                raise UsageError(
                    f"{label!r} gets two names, {names[label]!r} and {name!r}; give one"
                )
            names[label] = name
        return cls(names, new, sentences)

    @property
    def are_given(self) -> bool:
        """Whether any name or sentence is given."""
        return bool(self.texts or self.added or self.sentences)

    def of(
        self, labels: Iterable[str], descriptions: Mapping[str, Sequence[str]] | None = None
    ) -> dict[str, str | list[str]]:
        """Return label → name, or [name, sentence, …], for all classes; names default to labels."""
        names = {label: label for label in labels}
        for label, name in self.texts.items():
            require_label(label, list(names), option="texts (--text)")
            names[label] = name
        for label, name in self.added.items():
            if label in names:
                raise _exists_already(label)
            require_new_spelling(label, names)
            names[label] = name
        for label in self.sentences:
            require_label(label, list(names), option="sentences (--describe)")
        texts: dict[str, str | list[str]] = {}
        for label, name in names.items():
            own = given_texts(self.sentences.get(label, ()))
            sentences = [*(descriptions or {}).get(label, ()), *own]
            texts[label] = [name, *sentences] if sentences else name
        return texts


def _exists_already(label: str) -> UsageError:
    return UsageError(
        f"added (--names) is for classes without pictures, but {label!r} is a class already; "
        f"to change its name, give the new name in texts (--text {label}=NAME)"
    )


def _parse(text: str, *, option: str) -> tuple[str, str]:
    label, equals, name = (part.strip() for part in text.partition("="))
    if not label or (equals and not name) or (not equals and option != "--names"):
        example = "LABEL=NAME", "red fox"
        if option == "--describe":
            example = "LABEL=SENTENCE", "small, red, white tail tip"
        raise UsageError(
            f'{option} expects {example[0]}, for example {option} fox="{example[1]}"; got {text!r}'
        )
    return label, name


def require_label(label: str, labels: Sequence[str], *, option: str) -> None:
    """Raise a `UsageError`, which names the nearest label, unless `label` is one of the classes."""
    if label in labels:
        return
    if near := difflib.get_close_matches(label, labels, n=1):
        hint = f"did you mean {near[0]!r}?"
    else:
        more = f" and {len(labels) - 10} more" if len(labels) > 10 else ""
        hint = f"the classes are {', '.join(map(repr, labels[:10]))}{more}"
    raise UsageError(f"{option}: there is no class {label!r}; {hint}")


def empty_names(texts: Texts) -> list[str]:
    """Return a warning about names that mean nothing to an encoder, if there are any."""
    names = {label: text if isinstance(text, str) else text[0] for label, text in texts.items()}
    empty = [label for label, name in names.items() if says_nothing(name)]
    if not empty:
        return []
    shown = ", ".join(map(repr, empty[:3])) + (", …" if len(empty) > 3 else "")
    return [
        f"the names of {len(empty)} class(es) mean nothing to the encoder ({shown}): give "
        f'names (--text {quote(empty[0])}="red fox"), or leave all names out (--no-text)'
    ]


def unread_names(encoder: str) -> str:
    """Return the warning that an encoder reads no texts."""
    return (
        f"the encoder {encoder} gives no texts, so names of classes say nothing: the adapter is "
        "predicted from pictures alone, and every class needs one"
    )


def says_nothing(name: str) -> bool:
    """Whether a name is a number or a placeholder such as `class 1`."""
    return PLACEHOLDER.fullmatch(name.strip()) is not None


def text_features(
    class_texts: Mapping[Any, Any] | None, classes: Sequence[Hashable], width: int, encoder: Any
) -> Float32[np.ndarray, "N D"]:
    """Return (N, D) text features of `classes`: unit rows, or zeros for a class without a text.

    A text is a vector from the encoder's text tower, or a name that the encoder reads ("red_fox" as
    "red fox"). Sentences after a name are not read. `width` is that of the pictures' features.
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
    """Return class number → unit rows of the sentences that follow a name in `class_texts`."""
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
    """Return the text feature of a class new to `support`; all pictures weigh its sentences."""
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
    """Return the sentences of each class; `None` if no class has any."""
    texts = [(class_texts or {}).get(label) for label in classes]
    sentences = [[*text][1:] if text is not None and is_described(text) else [] for text in texts]
    return sentences if any(sentences) else None


def text_names(
    class_texts: Mapping[Any, Any] | None, classes: Sequence[Hashable]
) -> list[str] | None:
    """Return the name of each class as the encoder reads it, or ""; `None` if no class has one."""
    texts = [_name((class_texts or {}).get(label)) for label in classes]
    names = [readable_name(text) if isinstance(text, str) else "" for text in texts]
    return names if any(names) else None


def _name(text: Any) -> Any:
    return text[0] if is_described(text) else text


def _unit_vector(text: Any, label: Hashable, width: int) -> np.ndarray:
    vector = np.asarray(as_array(text), dtype=np.float64)
    if vector.shape != (width,):
        raise UsageError(
            f"the text of class {label!r} has shape {vector.shape}, but the pictures' features are "
            f"{width} wide: take texts and pictures from the same encoder"
        )
    if not np.isfinite(vector).all() or not vector.any():
        raise UsageError(f"the text of class {label!r} is zero or not finite; encode it again")
    unit: np.ndarray = vector / np.linalg.norm(vector)
    return unit
