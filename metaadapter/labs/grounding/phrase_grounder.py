"""Find a phrase in pictures, with the encoder and the examples of an adapter of classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from jaxtyping import Float
from PIL import Image
from torch import Tensor

from metaadapter.adapter.files import load_adapter
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.errors import UsageError
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.prompts import readable_name
from metaadapter.labs.grounding.cross_modal import CrossModalAdapter
from metaadapter.labs.grounding.ground import Grounding, ground
from metaadapter.labs.grounding.pretrained import shipped_for
from metaadapter.labs.grounding.tokens import joint_of_first_look, phrase_words
from metaadapter.workflow.queries import load_base_encoder

# The cross-modal adapter was trained with at most this many examples.
MOST_EXAMPLES = 4


class ClassExamples(NamedTuple):
    """A class of an adapter, and unit features of its pictures in the space of texts."""

    label: str
    vectors: Float[Tensor, "examples dim"]


def class_examples(
    stored: StoredAdapter, encoder: FrozenEncoder, phrase: str
) -> ClassExamples | None:
    """Return the first class that a phrase names, with up to four of its pictures.

    Of several class names that begin at the same word, the longest is taken. Return `None` if the
    phrase names no class, or if no features of the class's pictures are stored.
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


@dataclass(frozen=True, slots=True, eq=False)
class PhraseGrounder:
    """Finds one phrase in pictures."""

    phrase: str
    encoder: FrozenEncoder
    cross_modal: CrossModalAdapter | None
    """The cross-modal adapter that ships; `None` if it was trained with another encoder."""
    examples: ClassExamples | None
    has_other_features: bool
    """Whether the adapter's pictures are no examples, as their encoder has adapters inside."""

    def ground(self, picture: Image.Image) -> Grounding:
        """Find the phrase in an upright RGB picture."""
        vectors = self.examples and self.examples.vectors
        (grounding,) = ground(self.encoder, [picture], self.phrase, self.cross_modal, vectors)
        return grounding


def read_grounder(adapter: Path, phrase: str, encoder: str | None, device: str) -> PhraseGrounder:
    """Load the encoder of an adapter, and collect examples of the phrase from its classes."""
    stored = load_adapter(adapter)
    config = stored.config
    # The cross-modal adapter was trained on tokens of the frozen towers.
    loaded = load_base_encoder(adapter, config.origin, config.width, encoder, device, "fp32")
    if not isinstance(loaded, FrozenEncoder):
        raise UsageError(
            f"grounding reads tokens of places and words, which need an encoder of open_clip, "
            f"but the encoder {loaded.name} is of your own; make an adapter with another encoder, "
            "such as tiny"
        )
    cross_modal = shipped_for(loaded)
    has_other_features = cross_modal is not None and config.inside is not None
    examples = None
    if cross_modal is not None and not has_other_features:
        examples = class_examples(stored, loaded, phrase)
    return PhraseGrounder(phrase, loaded, cross_modal, examples, has_other_features)
