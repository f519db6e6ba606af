"""The forms of answers: predictions for pictures, and what a threshold on them costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, Field, model_serializer

from metaadapter.apps.page.forms import RefusedFile, Revised
from metaadapter.workflow.predictions import IF_KNOWN


class PicturePrediction(BaseModel, from_attributes=True):
    """The prediction for a picture of the project; classes are given by their ids."""

    class_id: Annotated[str, Field(validation_alias="label", serialization_alias="class")]
    probability: float
    runner_up: str | None
    runner_up_probability: float
    known: float | None
    unfamiliar: bool


class LabelsPrediction(PicturePrediction):
    """The prediction for a picture that can show several classes.

    `class` is the most probable of `labels`, or without any the most probable class.
    """

    labels: list[str]
    """The ids of the classes that it shows, the most probable first."""
    probabilities: dict[str, float]
    """Those of `labels`, then those of classes a little below their thresholds."""


class Shift(BaseModel, from_attributes=True):
    """The shift of pictures, with the keys of `metaadapter predict --json`."""

    n: int
    ratio: float
    probability: float
    of_pool: bool
    gain: float | None
    is_shifted: bool


class PicturePredictions(Revised):
    """The predictions of a revision; they are left out if the client has them already."""

    ready: bool
    unchanged: bool | None = None
    answers: dict[str, PicturePrediction] | None = None
    left_out: dict[str, PicturePrediction] | None = None
    shift: Shift | None = None


class LabelsPredictions(Revised):
    """The predictions of a revision in a project of several labels."""

    ready: bool
    shift: Shift | None
    answers: dict[str, LabelsPrediction]
    left_out: dict[str, LabelsPrediction]
    thresholds: dict[str, float]
    """Class → the probability from which a picture shows it."""


class Cost(BaseModel):
    """The cost of a threshold, below whose probability a prediction does not count."""

    threshold: float
    kept: float
    """The fraction of predictions that count."""
    errors: float | None
    """The fraction of wrong predictions among those that count; `None` if none counts."""


class Costs(BaseModel):
    """The cost of each threshold, and the number of left-out pictures it was computed from."""

    points: list[Cost]
    n_pictures: int


class LookAlikes(BaseModel):
    """Groups of pictures of the tray that look alike, the most alike first."""

    groups: list[list[str]]


class SureAnswer(BaseModel, from_attributes=True):
    """The deepest sure name in the label tree of an adapter."""

    label: str | None
    probability: float
    level: int
    path: list[str]
    probabilities: list[float]


class Prediction(BaseModel, from_attributes=True):
    """One prediction, with the keys of `metaadapter predict --json`."""

    path: str
    label: str
    probability: float
    runner_up: str
    runner_up_probability: float
    in_support: bool
    probabilities: dict[str, float]
    known: float | None
    unfamiliar: bool
    set: list[str] | None
    sure: SureAnswer | None = None
    labels: list[str] | None = None

    @model_serializer(mode="wrap")
    def _without_unknown(self, serialized: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        values = serialized(self)
        return {k: v for k, v in values.items() if k not in IF_KNOWN or v is not None}


class Predictions(BaseModel):
    """The predictions of a request, their shift, and the files that could not be read."""

    predictions: list[Prediction]
    shift: Shift | None
    refused: list[RefusedFile]
