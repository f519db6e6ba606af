"""What the demo found, as a value: the page, the table and the JSON are three views of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from metaadapter.report.proportion import Proportion

__all__ = ["Answers", "DemoResult", "LabelledPicture"]


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture and the class it truly belongs to.

    Attributes:
        name: of its file.
        label: the true class.
        jpeg: the bytes of the file.
    """

    name: str
    label: str
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Answers:
    """What one method answered on the held-out pictures, in their order.

    Attributes:
        method: "zero-shot", "1 shot", ...
        n_shot: labelled pictures of each class it was given.
        labels: the most probable class of each picture.
        probabilities: of that class, between 0 and 1.
        right: whether it is the true class.
        adapter_seconds: what reading the names and predicting the adapter took, or None.
    """

    method: str
    n_shot: int
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    right: tuple[bool, ...]
    adapter_seconds: float | None

    @property
    def accuracy(self) -> Proportion:
        """Share of right answers; the interval covers the draw of the held-out pictures only."""
        return Proportion(sum(self.right), len(self.right))


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The demo's story.

    Attributes:
        classes: labels, sorted.
        support: the labelled pictures that the adapter saw, first those that 1 shot saw.
        held_out: the pictures that the methods were judged on.
        answers: zero-shot first, then by growing number of shots.
        encoder: name of the encoder.
        fingerprint: of the encoder.
        generator: which generator predicted the adapters.
        seed: of the draw of the support pictures.
        encode_seconds: what encoding all pictures took.
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

    def __post_init__(self) -> None:
        for answers in self.answers:
            if len(answers.labels) != len(self.held_out):
                raise ValueError(
                    f"{answers.method} answers on {len(answers.labels)} pictures, "
                    f"{len(self.held_out)} are held out"
                )
