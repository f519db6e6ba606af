"""The routes of answers: predictions, thresholds, look-alikes, advice, and the work on them."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from metaadapter.apps.page.answers import Results
from metaadapter.apps.page.changes import require_one_label
from metaadapter.apps.page.contents import Contents, Edit
from metaadapter.apps.page.dependencies import OpenEditor, OpenSession
from metaadapter.apps.page.entries import NONE, Action, AdviceEntry, AdvicePiece
from metaadapter.apps.page.forms import RequestForm, Revised, Work
from metaadapter.apps.page.hints import (
    actions_of,
    id_of_advice,
    no_such_advice,
    settle,
    take_back,
)

N_THRESHOLDS = 100


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


routes = APIRouter()


@routes.get("/answers", response_model_exclude_unset=True)
def read_predictions(
    session: OpenSession,
    since: Annotated[int, Query(description="The revision that the client has.")] = -1,
) -> LabelsPredictions | PicturePredictions:
    """The predictions, left out if the client has those of the current revision."""
    results = session.results
    content: dict[str, Any] = {"revision": results.revision, "ready": results.stored is not None}
    if results.revision <= since:
        return PicturePredictions(**(content | {"revision": since, "unchanged": True}))
    content |= {name: getattr(results, name) for name in ("answers", "left_out", "shift")}
    if (thresholds := results.thresholds) is None:
        return PicturePredictions.model_validate(content)
    return LabelsPredictions.model_validate(content | {"thresholds": thresholds})


@routes.get("/sure")
def read_costs(session: OpenSession) -> Costs:
    """The cost of each threshold on the probability, computed from the left-out pictures."""
    results = session.results
    return session.read(lambda contents: _costs(results, contents))


def _costs(results: Results, contents: Contents) -> Costs:
    """The cost of each threshold from 0 to 0.99, counted on the left-out pictures.

    There is none with several labels, since each class has a threshold of its own.
    """
    if results.thresholds is not None:
        return Costs(points=[], n_pictures=0)
    pictures = contents.pictures
    own = {key: pictures[key].label if key in pictures else None for key in results.left_out}
    counted = {key: one for key, one in results.left_out.items() if own[key] != NONE}
    correct = np.array([own[key] == one.label for key, one in counted.items()])
    probabilities = np.array([one.probability for one in counted.values()])
    points = []
    for step in range(N_THRESHOLDS if counted else 0):
        kept = probabilities >= step / N_THRESHOLDS
        errors = float(1 - correct[kept].mean()) if kept.any() else None
        points.append(Cost(threshold=step / N_THRESHOLDS, kept=float(kept.mean()), errors=errors))
    return Costs(points=points, n_pictures=len(correct))


@routes.get("/alike")
def read_look_alikes(session: OpenSession) -> LookAlikes:
    """Groups of pictures of the tray that look alike."""
    return LookAlikes(groups=session.look_alikes())


@routes.get("/work")
def read_work(session: OpenSession) -> Work:
    """The work in the background."""
    return session.work()


@routes.post("/work/stop")
def stop_work(session: OpenSession) -> Work:
    """Stop encoding until the next edit, or until it is resumed."""
    session.stop()
    return session.work()


@routes.post("/work/resume")
def resume_work(session: OpenSession) -> Work:
    """Go on with the encoding that was stopped."""
    session.resume()
    return session.work()


AdviceId = Annotated[
    str, Field(pattern=r"^[0-9a-f]{32}$", description="The `id` of a piece of advice.")
]


class GivenPiece(AdvicePiece):
    """A piece of advice, and the ways to settle it."""

    id: str
    actions: list[Action]


class SettledPiece(AdviceEntry):
    """A piece of advice that a person has settled, and how."""

    id: str


class AdviceList(BaseModel):
    """Advice, the most helpful first, and what was settled, the latest first."""

    advice: list[GivenPiece]
    settled: list[SettledPiece]


class Settlement(RequestForm):
    """The way to settle a piece of advice.

    "move" gives its picture the better label, "none" the label of none of the classes; "keep" says
    that its label is right, and "dismiss" that nothing will be done.
    """

    action: Action


@routes.get("/advice")
def read_advice(session: OpenSession) -> AdviceList:
    """Advice on the pictures, and what was settled."""
    settled = session.read(lambda contents: [*contents.settled.items()])
    return AdviceList(
        advice=[
            GivenPiece(id=id_of_advice(piece), actions=[*actions_of(piece)], **vars(piece))
            for piece in session.advice()
        ],
        settled=[SettledPiece(id=key, **dict(entry)) for key, entry in reversed(settled)],
    )


@routes.post("/advice/{advice_id}")
def settle_advice(editor: OpenEditor, advice_id: AdviceId, settlement: Settlement) -> Revised:
    """Settle a piece of advice: its pictures move if the action says so, and it is kept in mind."""
    pieces = {id_of_advice(piece): piece for piece in editor.session.advice()}

    def edit(contents: Contents) -> Edit:
        if advice_id not in pieces:
            raise no_such_advice()
        changes = settle(contents, pieces[advice_id], settlement.action)
        return Edit("Followed advice", changes, "settled-advice")

    return editor.edit(edit)


@routes.delete("/advice/{advice_id}")
def take_back_advice(editor: OpenEditor, advice_id: AdviceId) -> Revised:
    """Take back what was done about a piece of advice."""

    def edit(contents: Contents) -> Edit:
        require_one_label(contents, "Advice")
        return Edit("Took back advice", take_back(contents, advice_id), "settled-advice")

    return editor.edit(edit)
