"""Examples of a phrase among the labelled pictures that an adapter keeps."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.prompts import readable_name
from metaadapter.labs.grounding.phrase_tokens import joint_of_first_look, phrase_words

# The cross-modal adapter was trained with at most this many.
MOST_EXAMPLES = 4


class ClassExamples(NamedTuple):
    """Pictures of a class of an adapter.

    Attributes:
        label: The class.
        vectors: Unit features of its pictures in the space of texts.
    """

    label: str
    vectors: Float[Tensor, "examples dim"]


def class_examples(
    stored: StoredAdapter, encoder: FrozenEncoder, phrase: str
) -> ClassExamples | None:
    """The first class that a phrase names, with up to four of its pictures.

    Of several class names that begin at the same word, the longest is taken. `None` if the phrase
    names no class, or the adapter keeps no features.
    """
    if stored.support is None:
        return None
    words = phrase_words(phrase)
    named = []
    class_names = stored.config.class_names or [""] * len(stored.config.classes)
    for number, label in enumerate(stored.config.classes):
        names = {readable_name(str(label)), class_names[number]}
        for name in filter(None, map(phrase_words, names)):
            places = [n for n in range(len(words)) if words[n : n + len(name)] == name]
            named += [(place, -len(name), number) for place in places]
    if not named:
        return None
    _, _, number = min(named)
    rows, labels = stored.support.labelled_rows()
    chosen = rows[labels == number][:MOST_EXAMPLES].float()
    if not len(chosen):
        return None
    label = str(stored.config.classes[number])
    return ClassExamples(label, joint_of_first_look(encoder, chosen))
