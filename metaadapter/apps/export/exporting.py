"""The files of `metaadapter export`: made, checked against this library, and only then given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.export.answers import FeatureAnswers, PictureAnswers
from metaadapter.apps.export.checks import (
    Case,
    feature_cases,
    largest_difference,
    picture_cases,
    require_same,
)
from metaadapter.apps.export.facts import exported_facts
from metaadapter.apps.export.int8 import Int8Loss, int8_loss, int8_model, places_in_support
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.image_encoder import ImageEncoder

Count = Callable[[int], object]
"""Is told how many batches are done, of `Subject.n_cases`."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What is exported, and with what it is checked."""

    stored: StoredAdapter
    module: FeatureAnswers | PictureAnswers
    cases: Callable[[], Iterable[Case]]
    n_cases: int
    n_checked: int
    """The rows of features or the pictures that are asked about."""
    pictures: EncodedPictures | None = None
    """Those pictures; `None` where features go in."""

    @classmethod
    def alone(cls, stored: StoredAdapter) -> Subject:
        """An adapter without its encoder."""
        cases = feature_cases(stored)
        n_rows = sum(map(len, cases))
        return cls(stored, FeatureAnswers(stored.weights), lambda: cases, len(cases), n_rows)

    @classmethod
    def with_encoder(
        cls,
        stored: StoredAdapter,
        encoder: ImageEncoder,
        read_pictures: Callable[[], EncodedPictures],
    ) -> Subject:
        """An adapter behind its encoder; the pictures are read once that is known to be possible.

        Raises:
            UsageError: The encoder cannot be exported, or the adapter averages views.
        """
        module = PictureAnswers(stored.weights, stored.config, encoder)
        pictures = read_pictures()
        cases = partial(picture_cases, stored, encoder, pictures)
        return cls(stored, module, cases, len(pictures) + 1, len(pictures), pictures)

    @property
    def takes(self) -> Literal["features", "pictures"]:
        """What goes in."""
        return "features" if self.pictures is None else "pictures"

    def facts(self, difference: float, *, int8: bool = False) -> dict[str, Any]:
        """What a file says about itself."""
        return exported_facts(
            self.stored,
            takes=self.takes,
            outputs=self.module.outputs,
            int8=int8,
            n_checked=self.n_checked,
            largest_difference=difference,
        )


class Exported(NamedTuple):
    """The content of a file, checked."""

    content: bytes
    facts: dict[str, Any]
    """What it says about itself."""
    int8_loss: Int8Loss | None = None
    """What 8 bits cost, where that can be measured."""

    @property
    def largest_difference(self) -> float:
        """Of any of its probabilities from this library's."""
        return float(self.facts["largest_difference"])

    @property
    def is_int8(self) -> bool:
        """Whether its encoder is in 8 bits."""
        return bool(self.facts["int8"])

    def to_dict(self) -> dict[str, Any]:
        """The JSON form of what is told of it."""
        loss = None if self.int8_loss is None else self.int8_loss.to_dict()
        return {"largest_difference": self.largest_difference, "int8_loss": loss}


def exported_onnx(subject: Subject, count: Count, *, owner: str) -> Exported:
    """The ONNX file; `IncompatibleArtifact` names its `owner` where it answers otherwise."""
    from metaadapter.apps.export.onnx_model import onnx_bytes, onnx_model, onnx_run

    model = onnx_model(subject.module)
    difference = largest_difference(onnx_run(onnx_bytes(model, {})), subject.cases(), count)
    require_same(difference, owner=owner)
    facts = subject.facts(difference)
    return Exported(onnx_bytes(model, facts), facts)


def exported_torch(subject: Subject, count: Count, *, owner: str) -> Exported:
    """The .pt2 file; `IncompatibleArtifact` names its `owner` where it answers otherwise."""
    from metaadapter.apps.export.program import program_bytes, program_run, torch_program

    program = torch_program(subject.module)
    run = program_run(program_bytes(program, {}))
    difference = largest_difference(run, subject.cases(), count)
    require_same(difference, owner=owner)
    facts = subject.facts(difference)
    return Exported(program_bytes(program, facts), facts)


def exported_int8(subject: Subject, count: Count, *, owner: str, adapter: Path) -> Exported:
    """The ONNX file with its encoder in 8 bits, and what that costs.

    In float32 the file is checked as `exported_onnx` does. The pictures, among which are some that
    the `adapter` was predicted from, also tell how large the results of each layer become.

    Raises:
        UsageError: None of them is one that the adapter was predicted from, or no pictures go in.
    """
    from metaadapter.apps.export.onnx_model import onnx_bytes, onnx_model, onnx_run

    pictures = subject.pictures
    if pictures is None:
        raise UsageError("8 bits are for the encoder, and none is exported with this adapter")
    numbers, places = places_in_support(subject.stored, pictures, owner=adapter)
    model = onnx_model(subject.module)
    small = int8_model(model, subject.cases)
    exact = largest_difference(onnx_run(onnx_bytes(model, {})), subject.cases(), count)
    require_same(exact, owner=owner)
    run, features = onnx_run(onnx_bytes(small, {})), []

    def noted(batch: np.ndarray) -> Any:
        found = run(batch)
        features.append(found[-1])
        return found

    difference = largest_difference(noted, subject.cases(), count)
    rows = np.concatenate(features)[-len(pictures) :]  # the batch of several comes first
    loss = int8_loss(subject.stored, places, rows[numbers])
    facts = subject.facts(difference, int8=True)
    return Exported(onnx_bytes(small, facts), facts, loss)
