"""What the demo found, as a value that the page, the table and the JSON show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from metaadapter.task.proportion import Proportion

__all__ = ["Answers", "DemoResult", "LabelledPicture"]


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture and the class it truly belongs to.

    Attributes:
        name: name of its file.
        label: the true class.
        jpeg: the bytes of its file.
    """

    name: str
    label: str
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Answers:
    """What one method predicted for the held-out pictures, in their order.

    Attributes:
        method: "zero-shot", "1 shot", ...
        n_shot: labelled pictures of each class it was given.
        labels: the most probable class of each picture.
        probabilities: the probability of that class.
        correct: whether it is the true class.
        adapter_seconds: time to read the names and predict the adapter; `None` without one.
    """

    method: str
    n_shot: int
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    correct: tuple[bool, ...]
    adapter_seconds: float | None

    @property
    def accuracy(self) -> Proportion:
        """Fraction predicted correctly; its interval covers the draw of held-out pictures only."""
        return Proportion(sum(self.correct), len(self.correct))


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The demo's methods side by side, and what is needed to run it again.

    Attributes:
        classes: labels, sorted.
        support: the labelled pictures that the adapter saw, first those that 1 shot saw.
        held_out: the pictures that the methods were judged on.
        answers: zero-shot first, then by growing number of shots.
        encoder: name of the encoder.
        fingerprint: hash of the encoder's weights.
        generator: which generator predicted the adapters.
        seed: seed of the draw of the support pictures.
        encode_seconds: time to encode all pictures.
        versions: name → version of the packages that matter.
    """

    classes: tuple[str, ...]
    support: tuple[LabelledPicture, ...]
    held_out: tuple[LabelledPicture, ...]
    answers: tuple[Answers, ...]
    encoder: str
    fingerprint: str
    generator: str
    seed: int
    encode_seconds: float
    versions: Mapping[str, str]
